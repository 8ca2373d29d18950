"""A session's events as one endless HTTP response."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from unbroken.cursor import Cursor
from unbroken.errors import SessionGone
from unbroken.server.dialects import portions, translate
from unbroken.server.dialects.sse import KEEP_ALIVE, Sse, retry
from unbroken.server.notices import told
from unbroken.server.service import Service
from unbroken.server.viewer import Item
from unbroken.server.watch import Watch
from unbroken.store import Opened

SOONEST = 0.1
"""Seconds until a browser that was sent away comes back, at least: it knows no other pause if it finds nobody then."""


class EventStream(Response):
    """Server-sent events until the client goes, the session is gone, or the server stops.

    Args:
        service: whose sessions.
        opened: which session.
        cursor: what the client has seen; None begins with a snapshot.
    """

    media_type = "text/event-stream"

    def __init__(self, service: Service, opened: Opened, cursor: Cursor | None) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers({"cache-control": "no-cache", "x-accel-buffering": "no"})
        self._service = service
        self._opened = opened
        self._watch = Watch(service.backend, service.hub, service.bounds, opened.id, cursor)
        self._after: float | None = None

    def leave(self, after: float) -> None:
        """Ends the stream, because the server is about to stop."""
        self._after = after
        self._watch.interrupt()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Streams. What is refused is raised before the first byte."""
        if not self._service.clients.draining:  # else it is told to come back: an EventSource gives up at an error
            self._service.clients.admit()
        async with self._watch:
            with self._service.clients.joined(self):
                tasks = [asyncio.create_task(self._stream(send)), asyncio.create_task(_disconnected(receive))]
                try:
                    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                with suppress(TimeoutError):  # the client does not read: its connection is cut
                    for task in done:
                        task.result()

    async def _stream(self, send: Send) -> None:
        dialect = Sse()
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await self._write(send, retry(self._service.bounds.retry) + dialect.notice(self._service.ready(self._opened)))
        try:
            while self._after is None:
                frames = translate(dialect, await self._next())
                for portion in portions(frames or [KEEP_ALIVE]):
                    await self._write(send, b"".join(portion))
            last = retry(max(self._after, SOONEST))
        except SessionGone as gone:
            last = dialect.notice(told(gone))
        await self._write(send, last, more=False)

    async def _next(self) -> list[Item]:
        """Waits for what is next; empty when it is time to say something."""
        alarm = asyncio.get_running_loop().call_later(self._service.bounds.keep_alive, self._watch.interrupt)
        try:
            return await self._watch.next()
        finally:
            alarm.cancel()

    async def _write(self, send: Send, chunk: bytes, *, more: bool = True) -> None:
        async with asyncio.timeout(self._service.bounds.stall):
            await send({"type": "http.response.body", "body": chunk, "more_body": more})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
