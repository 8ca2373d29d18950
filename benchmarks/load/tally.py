"""What is counted while the window is open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counts of all sessions of a process.

    Attributes:
        chunks: chunks that came.
        frames: WebSocket messages with at least one chunk in them.
        replies: replies that were complete.
        delays: of every eighth chunk, seconds from the moment at which it was due.
        starts: of every reply, seconds from its question to its first chunk.
    """

    chunks: int = 0
    frames: int = 0
    replies: int = 0
    delays: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that `share` of all values do not exceed; None if there are none."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
