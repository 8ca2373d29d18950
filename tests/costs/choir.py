"""A bot that speaks on cue: all of its replies say their next pieces in the same turn of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from unbroken.turn import Turn
from unbroken.types import Piece


class Choir:
    """Every reply waits for its cue, says what the cue tells it, and waits for the next."""

    name = "choir"
    continues = False

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[Sequence[Piece] | None]] = []

    @property
    def waiting(self) -> int:
        """How many replies wait for their cue."""
        return len(self._waiting)

    def say(self, *pieces: Piece) -> None:
        """Lets all waiting replies say these pieces, without a pause between them."""
        self._cue(pieces)

    def end(self) -> None:
        """Lets all waiting replies end."""
        self._cue(None)

    def _cue(self, pieces: Sequence[Piece] | None) -> None:
        waiting, self._waiting = self._waiting, []
        for cue in waiting:
            if not cue.done():
                cue.set_result(pieces)

    async def start(self) -> None:
        """Needs nothing."""

    async def close(self) -> None:
        """Holds nothing."""

    async def reply(self, turn: Turn) -> AsyncIterator[Piece]:
        """Says what it is told to."""
        while True:
            cue: asyncio.Future[Sequence[Piece] | None] = asyncio.get_running_loop().create_future()
            self._waiting.append(cue)
            pieces = await cue
            if pieces is None:
                return
            for piece in pieces:
                yield piece
