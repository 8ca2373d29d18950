"""Everyone who is connected now, so that a stopping server can let them go."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Client(Protocol):
    """A connection that lasts."""

    def leave(self, after: float) -> None:
        """Asks the client to go, and to come back (to any server) after so many seconds."""


class Clients:
    """The lasting connections of one process.

    Args:
        spread: seconds over which the clients of a stopping server come back elsewhere.

    Attributes:
        draining: set once and for all when the server begins to stop.
    """

    def __init__(self, spread: float) -> None:
        self._spread = spread
        self._here: set[Client] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.draining = False

    def __len__(self) -> int:
        return len(self._here)

    @contextmanager
    def joined(self, client: Client) -> Iterator[None]:
        """Counts a client as connected. One that comes too late is sent away at once."""
        self._here.add(client)
        self._empty.clear()
        try:
            if self.draining:
                self._send_away(client)
            yield
        finally:
            self._here.discard(client)
            if not self._here:
                self._empty.set()

    async def drain(self, grace: float) -> None:
        """Asks everyone to leave; returns when all are gone, or after `grace` seconds."""
        self.draining = True
        for client in list(self._here):
            self._send_away(client)
        try:
            async with asyncio.timeout(grace):
                await self._empty.wait()
        except TimeoutError:
            pass

    def _send_away(self, client: Client) -> None:
        client.leave(random.uniform(0, self._spread))  # noqa: S311 - jitter
