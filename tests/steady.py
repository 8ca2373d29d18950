"""An event loop whose clock stands still while the machine does.

A machine that is busy, or that was stopped, lets every timer of a process ring at once: what was to come in a
millisecond and what was to fail after a second are due together, and a test would fail that has found nothing. This
clock runs as fast as any other, but time in which the loop did not get to run counts no more than it should have taken.
So a bound on it, of a test or of what is tested, holds on any machine.

Only the loop's own clock is like that: `time.monotonic()`, Redis and other processes know nothing of it.
"""

from __future__ import annotations

import asyncio
import selectors
import time

TURN = 0.001
"""Seconds that one turn of the loop counts, at most, however long its callbacks really took."""

WAIT = 0.05
"""Seconds that one wait for sockets and timers counts, at most; longer ones are made of several."""


class _Selector(selectors.DefaultSelector):
    """Waits in short pieces, and counts them.

    Attributes:
        now: seconds that were counted so far; never more than have really passed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._looked = time.monotonic()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._count(TURN)
        wait = WAIT if timeout is None else min(max(timeout, 0.0), WAIT)
        # What came in while the process was stopped is found by another look, before any timer rings.
        found = super().select(wait) or super().select(0)
        self._count(wait)
        return found

    def _count(self, most: float) -> None:
        before, self._looked = self._looked, time.monotonic()
        self.now += min(self._looked - before, most)


class SteadyLoop(asyncio.SelectorEventLoop):
    """asyncio's own event loop with that clock."""

    def __init__(self) -> None:
        self._counting = _Selector()
        super().__init__(self._counting)

    def time(self) -> float:
        """Seconds on the clock that only this loop has."""
        return self._counting.now
