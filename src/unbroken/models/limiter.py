"""Spreads the requests to a model over time, as its provider allows them."""

from __future__ import annotations

import asyncio
from collections import deque

MINUTE = 60.0
"""Seconds."""


class Limiter:
    """Lets so many requests begin in any minute, in the order in which they came.

    Who waits may be cancelled, and has then used nothing up.

    Args:
        per_minute: below one it means one request in more than a minute; None lets all begin at once.
    """

    def __init__(self, per_minute: float | None) -> None:
        count = max(1, int(per_minute or 0))
        self._period = MINUTE * count / per_minute if per_minute else 0.0
        self._begun: deque[float] = deque(maxlen=count)
        self._first = asyncio.Lock()  # wakes its waiters in their order

    async def wait(self) -> None:
        """Returns when the next request may begin, and counts it."""
        if not self._period:
            return
        async with self._first:
            clock = asyncio.get_running_loop().time
            if len(self._begun) == self._begun.maxlen:
                await asyncio.sleep(self._begun[0] + self._period - clock())
            self._begun.append(clock())
