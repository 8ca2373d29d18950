"""The slots of a worker: how many replies it may run, and may be waiting for, at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Slots:
    """Gives out slots in the order in which they were asked for.

    A slot is held while its holder waits for work, and then for the whole reply.

    Args:
        total: how many there are.
        partitions: how many are waited for at the same time.
        on_scarce: called when there begin to be fewer slots left than partitions.

    Attributes:
        ample: whether there are slots for all partitions.
    """

    def __init__(self, total: int, partitions: int, on_scarce: Callable[[], None]) -> None:
        self._total = self._free = total
        self._partitions = partitions
        self._on_scarce = on_scarce
        self._running = 0
        self._turn = asyncio.Lock()
        self._any = asyncio.Event()
        self._any.set()
        self.ample = total >= partitions

    async def acquire(self, most: int) -> int:
        """Waits for a slot, first come, first served, and takes as many more as are free, up to `most`."""
        async with self._turn:
            await self._any.wait()
            taken = min(most, self._free)
            self._free -= taken
            if not self._free:
                self._any.clear()
            return taken

    def release(self, slots: int = 1) -> None:
        """Gives back slots that came to nothing."""
        self._free += slots
        if self._free:
            self._any.set()

    def begin(self) -> None:
        """A reply begins in a slot that was acquired."""
        self._running += 1
        if self.ample and self._total - self._running < self._partitions:
            self.ample = False
            self._on_scarce()

    def end(self) -> None:
        """A reply ended, and gives its slot back."""
        self._running -= 1
        # not at the very point where they became scarce: there, every reply would send all readers back and forth
        enough = min(self._total, self._partitions * 3 // 2)
        if not self.ample and self._total - self._running >= enough >= self._partitions:
            self.ample = True
        self.release()
