"""A raw reader of one session: a WebSocket, its cursor, and every frame as it came, connection by connection.

It has no mercy and no memory beside its cursor. When its connection ends, it goes to the next server with the cursor.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.faults.sight import Sight
from tests.faults.violations import Verdict
from unbroken.protocol import SUBPROTOCOL, Event, decode_event

PATIENCE = 5.0
"""Seconds until a connection that does not answer is given up."""


class Frame(NamedTuple):
    """An event, and when it came by `time.monotonic`."""

    at: float
    event: Event


class Visit(NamedTuple):
    """One connection: where, from which cursor, and all that came."""

    url: str
    cursor: str
    frames: list[Frame]


class Observer:
    """Watches from its first `run` on, until it is cancelled.

    Args:
        urls: of the servers, in the order in which it goes round them.
        verdict: where violations go.

    Attributes:
        visits: every connection.
        sight: what it knows.
    """

    def __init__(self, urls: Sequence[str], token: str, session: str, verdict: Verdict) -> None:
        self._urls = urls
        self._token = token
        self.session = session
        self.sight = Sight(session, verdict)
        self.visits: list[Visit] = []
        self._remembered: Sight | None = None
        self._socket: ClientConnection | None = None
        self._changed = asyncio.Event()

    @property
    def cursor(self) -> str:
        """Where it stands; empty before the first snapshot."""
        return str(self.sight.cursor) if self.sight.cursor else ""

    @property
    def url(self) -> str:
        """The server that it is connected to, or was."""
        return self.visits[-1].url if self.visits else ""

    async def run(self) -> None:
        """Watches, through one connection after another."""
        at = 0
        while True:
            with contextlib.suppress(OSError, TimeoutError, WebSocketException):
                await self._visit(self._urls[at % len(self._urls)])
            at += 1
            await asyncio.sleep(0.1)

    async def _visit(self, url: str) -> None:
        cursor = self.cursor
        query = f"?cursor={quote(cursor, safe='')}" if cursor else ""
        async with connect(
            f"ws{url.removeprefix('http')}/chat{query}",
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            additional_headers={"Authorization": f"Bearer {self._token}"},
            compression=None,
            max_size=None,
            proxy=None,
            open_timeout=PATIENCE,
            ping_interval=PATIENCE,
            ping_timeout=PATIENCE,
            close_timeout=0.5,
        ) as socket:
            self._socket = socket
            frames: list[Frame] = []
            self.visits.append(Visit(url, cursor, frames))
            async for raw in socket:
                if self._socket is not socket:
                    return  # it left: what was on its way is lost
                event = decode_event(raw)
                frames.append(Frame(time.monotonic(), event))
                self.sight.take(event)
                self._changed.set()

    def hop(self) -> None:
        """Leaves, to continue at the next server."""
        if self._socket is not None:
            self._socket.transport.abort()
            self._socket = None

    def remember(self) -> None:
        """Keeps what it knows now, for `forget`."""
        self._remembered = self.sight.remembered()

    def forget(self) -> None:
        """Goes back to what it knew at `remember`, and comes with that cursor, as a tab that slept since then."""
        if self._remembered is not None:
            self.sight, self._remembered = self._remembered, None
            self.hop()

    async def until(self, condition: Callable[[Observer], bool]) -> None:
        """Waits until the condition holds after some event."""
        while not condition(self):
            self._changed.clear()
            await self._changed.wait()
