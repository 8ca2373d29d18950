"""One client that watches one session: its viewer, fed from the hub and from the log."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Self

from unbroken.backend import Backend
from unbroken.cursor import Cursor
from unbroken.errors import ProtocolViolation, SessionGone, Unavailable
from unbroken.log import Entry
from unbroken.server.bounds import Bounds
from unbroken.server.hub import Hub
from unbroken.server.viewer import Item, State, Viewer


class Watch:
    """Everything that happens in a session after a cursor, for one reader.

    To be used as `async with`; entering subscribes, and raises what `Hub.attach` raises.

    Args:
        cursor: what the client has seen; None for nothing, which begins with a snapshot.

    Attributes:
        caught_up: set once everything that had happened before was read.
        eager: called instead of waking `next` when it waits and something can be shown now.
    """

    def __init__(self, backend: Backend, hub: Hub, bounds: Bounds, session: str, cursor: Cursor | None) -> None:
        self._log = backend.log
        self._hub = hub
        self._pause = bounds.retry
        self._session = session
        self._viewer = Viewer(cursor, bounds.queue_bytes)
        self._waiter: asyncio.Future[None] | None = None
        self._interrupted = False
        self._failure: Exception | None = None
        self.caught_up = asyncio.Event()
        self.eager: Callable[[], None] | None = None

    async def __aenter__(self) -> Self:
        await self._hub.attach(self._session, self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._hub.detach(self._session, self)

    async def next(self) -> list[Item]:
        """Waits until there is something to show, and hands it over; empty after an `interrupt`.

        While Redis does not answer this waits too. It may be cancelled without losing anything.

        Raises:
            SessionGone: the session expired or was deleted.
        """
        while True:
            if self._viewer.waiting:
                return self._viewer.take()
            if self._interrupted:
                self._interrupted = False
                return []
            if self._failure is not None:
                raise self._failure
            if self._viewer.state is State.LIVE:
                self.caught_up.set()
                await self._wait()
            else:
                await self._read()

    def ready(self) -> list[Item]:
        """What can be shown now, without waiting; to be called from `eager`."""
        return self._viewer.take()

    def seek(self, cursor: Cursor | None) -> None:
        """Starts anew from a cursor; None begins with a snapshot."""
        self._viewer.seek(cursor)
        self._wake()

    def interrupt(self) -> None:
        """Makes `next` return, now or the next time that it would wait."""
        self._interrupted = True
        self._wake()

    def fail(self, failure: Exception) -> None:
        """Makes `next` raise, once everything is shown that was there before."""
        self._failure = failure
        self._wake()

    # From the hub

    def entry(self, entry: Entry) -> None:
        """Takes in a live entry."""
        self._viewer.entry(entry)
        if self._waiter is not None:
            if self.eager is not None and self._viewer.waiting:
                self.eager()
            if self._viewer.waiting or self._viewer.state is not State.LIVE:
                self._wake()

    def gap(self) -> None:
        """Notes that live entries may be missing."""
        self._viewer.gap()
        self._wake()

    def position(self, newest: Cursor) -> None:
        """Compares with the newest position in Redis."""
        self._viewer.position(newest)
        if self._viewer.state is not State.LIVE:
            self._wake()

    def gone(self) -> None:
        """Notes that the session expired or was deleted."""
        self.fail(SessionGone())

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _read(self) -> None:
        ticket, cursor = self._viewer.read()
        try:
            page = await self._log.resume(self._session, cursor)
        except Unavailable:
            await asyncio.sleep(self._pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            return
        self._viewer.page(ticket, page)


def known(raw: str | None) -> Cursor | None:
    """Reads the cursor that a client connects with. One that cannot be read is unknown: that means a snapshot."""
    try:
        return Cursor.parse(raw) if raw else None
    except ProtocolViolation:
        return None
