"""How long to wait before the next try."""

from __future__ import annotations

import random


class Backoff:
    """Exponential, with full jitter; the first try of each address is nearly at once.

    Many clients lose their server in the same moment. The jitter spreads them, and the growth keeps them from
    trampling a server that is just getting up.

    Args:
        addresses: how many there are to try in turn; a failure moves on to the next.
        first: longest wait of the fast tries, in seconds.
        base: longest wait after them; doubles with each failure.
        longest: the cap.
    """

    def __init__(self, addresses: int = 1, *, first: float = 0.1, base: float = 0.25, longest: float = 10.0) -> None:
        self._addresses = addresses
        self._first = first
        self._base = base
        self._longest = longest
        self._failures = 0

    def next(self) -> float:
        """Counts a failure and returns the seconds to wait."""
        slow = self._failures - self._addresses
        self._failures += 1
        top = self._first if slow < 0 else min(self._longest, self._base * 2 ** min(slow, 16))
        return random.uniform(0, top)  # noqa: S311 - spreads load, guards nothing

    def reset(self) -> None:
        """Something went forward: the next failure is the first again."""
        self._failures = 0
