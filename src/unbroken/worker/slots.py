"""The slots of a worker: how many replies it may run, and may be waiting for, at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Slots:
    """Gives out slots in the order in which they were asked for.

    A slot is held while its holder waits for work, and then for the whole reply.

    Args:
        total: how many there are.
        claimers: how many wait for work at the same time.
        on_scarce: called when there begin to be fewer slots left than claimers.
    """

    def __init__(self, total: int, claimers: int, on_scarce: Callable[[], None]) -> None:
        self._free = asyncio.Semaphore(total)
        self._total = total
        self._claimers = claimers
        self._on_scarce = on_scarce
        self._running = 0
        self.ample = total >= claimers

    async def acquire(self) -> None:
        """Waits for a slot, first come, first served."""
        await self._free.acquire()

    def release(self) -> None:
        """Gives back a slot that came to nothing."""
        self._free.release()

    def begin(self) -> None:
        """A reply begins in a slot that was acquired."""
        self._running += 1
        if self.ample and self._total - self._running < self._claimers:
            self.ample = False
            self._on_scarce()

    def end(self) -> None:
        """A reply ended, and gives its slot back."""
        self._running -= 1
        # not at the very point where they became scarce: there, every reply would send all claimers back and forth
        if (
            not self.ample
            and self._total - self._running >= min(self._total, self._claimers * 3 // 2) >= self._claimers
        ):
            self.ample = True
        self._free.release()
