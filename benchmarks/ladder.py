"""Finds how many sessions a contender bears, with few trials: each of them takes seconds."""

from __future__ import annotations

from collections.abc import Callable

RUNGS = (
    10,
    16,
    25,
    40,
    50,
    63,
    80,
    100,
    125,
    160,
    200,
    250,
    315,
    400,
    500,
    630,
    800,
    1000,
    1250,
    1600,
    2000,
    2500,
    3150,
    4000,
)
"""Numbers of sessions, a quarter apart."""
STRIDE = 3
"""Rungs to go up at once while nothing is known: twice the sessions."""


def climb(holds: Callable[[int], bool], start: int, stride: int = STRIDE) -> int:
    """Finds the highest rung that holds, if every one below it does.

    Args:
        holds: tries a number of sessions.
        start: the rung to begin at.
        stride: how far to go at first; 1 where the answer should be near `start`.

    Returns:
        The highest number of sessions that held, 0 if not even the lowest rung did.
    """
    good, bad = -1, len(RUNGS)
    at = RUNGS.index(start)
    while bad - good > 1:
        if holds(RUNGS[at]):
            good = at
        else:
            bad = at
        if bad == len(RUNGS):
            at = min(good + stride, bad - 1)
        elif good < 0:
            at = max(bad - stride, 0)
        else:
            at = (good + bad) // 2
    return RUNGS[good] if good >= 0 else 0
