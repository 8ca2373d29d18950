"""One client that watches one session: its viewer, fed from the hub and from the log."""

from __future__ import annotations

import asyncio
import random
from typing import Protocol, Self

from unbroken.backend import Backend
from unbroken.cursor import Cursor
from unbroken.errors import ProtocolViolation, SessionGone, Unavailable
from unbroken.log import Entry
from unbroken.server.bounds import Bounds
from unbroken.server.hub import Hub
from unbroken.server.viewer import Item, State, Viewer


class Sink(Protocol):
    """Where a watch can show something without waiting."""

    @property
    def open(self) -> bool:
        """Whether something can be shown now: the client has read what came before."""

    def show(self, entry: Entry, cursor: Cursor) -> None:
        """Shows the next event, and the cursor after it."""


class Watch:
    """Everything that happens in a session after a cursor, for one reader.

    To be used as `async with`, or between `attach` and `detach`.

    Args:
        cursor: what the client has seen; None for nothing, which begins with a snapshot.

    Attributes:
        caught_up: whether everything that had happened before was read.
        sink: shows live events at once whenever `next` waits, instead of waking it.
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
        self.caught_up = False
        self._catching_up: asyncio.Event | None = None
        self.sink: Sink | None = None

    async def attach(self) -> None:
        """Subscribes. Raises what `Hub.attach` raises."""
        await self._hub.attach(self._session, self)

    def detach(self) -> None:
        """Ends the subscription."""
        self._hub.detach(self._session, self)

    async def __aenter__(self) -> Self:
        await self.attach()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.detach()

    async def catch_up(self) -> None:
        """Waits until everything that had happened before was read."""
        if not self.caught_up:
            if self._catching_up is None:
                self._catching_up = asyncio.Event()
            await self._catching_up.wait()

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
                self.caught_up = True
                if self._catching_up is not None:
                    self._catching_up.set()
                    self._catching_up = None
                await self._wait()
            else:
                await self._read()

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
        viewer, sink = self._viewer, self.sink
        if self._waiter is None or sink is None or not sink.open or self._failure is not None:
            viewer.entry(entry)
            self._wake()
            return
        try:
            cursor = viewer.at_once(entry)
            if cursor is not None:
                sink.show(entry, cursor)
            else:
                self._wake()
        except Exception as defect:  # the hub's other watchers have no part in it
            self.fail(defect)

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
