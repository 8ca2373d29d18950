"""Everyone who is connected now, so that a stopping server can let them go."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from unbroken import descriptors
from unbroken.errors import Stopping, Unavailable

log = logging.getLogger(__name__)

SPARE = 100
"""Descriptors that lasting connections leave to everything else: connections to Redis, short requests, handshakes."""

REMINDER = 60.0
"""Seconds until it is said again that there is no room."""


class Client(Protocol):
    """A connection that lasts."""

    def leave(self, after: float) -> None:
        """Asks the client to go, and to come back (to any server) after so many seconds."""


class Clients:
    """The lasting connections of one process.

    Args:
        spread: seconds over which the clients of a stopping server leave it. Each is served until its turn comes, and
            may come back elsewhere at once: nobody looks at a reply that stands still.

    Attributes:
        draining: set once and for all when the server begins to stop.
    """

    def __init__(self, spread: float) -> None:
        self._spread = spread
        self._here: set[Client] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._complained = -REMINDER
        self.draining = False

    def admit(self) -> None:
        """Lets one more client in.

        Raises:
            Stopping: the server will end soon.
            Unavailable: it holds as many connections as it has descriptors for.
        """
        if self.draining:
            raise Stopping("this server is stopping")
        limit = descriptors.limit()
        if len(self._here) >= max(limit - SPARE, limit // 2):
            now = time.monotonic()
            if now - self._complained >= REMINDER:
                self._complained = now
                log.warning(
                    "%d clients are connected, and new ones are sent away: this process may have only %d files and "
                    "sockets open; raise that (`ulimit -n`, systemd: LimitNOFILE=) or start another server",
                    len(self._here),
                    limit,
                )
            raise Unavailable("this server holds as many connections as it can")

    def __len__(self) -> int:
        return len(self._here)

    @contextmanager
    def joined(self, client: Client) -> Iterator[None]:
        """Counts a client as connected. One that comes too late is sent away at once."""
        self._here.add(client)
        self._empty.clear()
        try:
            if self.draining:
                client.leave(random.uniform(0, self._spread))  # noqa: S311 - jitter
            yield
        finally:
            self._here.discard(client)
            if not self._here:
                self._empty.set()

    async def drain(self, grace: float) -> None:
        """Asks everyone to leave, one after the other; returns when all are gone, or after `grace` seconds."""
        self.draining = True
        loop, spread = asyncio.get_running_loop(), min(self._spread, grace)
        for client in self._here:
            loop.call_later(random.uniform(0, spread), self._send_away, client)  # noqa: S311 - jitter
        try:
            async with asyncio.timeout(grace):
                await self._empty.wait()
        except TimeoutError:
            pass

    def _send_away(self, client: Client) -> None:
        if client in self._here:
            client.leave(0.0)
