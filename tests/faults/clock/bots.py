"""A bot that says at the end how far the clock of its machine was set while it spoke."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from tests.e2e.bots import counting
from unbroken import Turn


def _ahead() -> float:
    return time.time() - time.monotonic()


async def looking_at_the_clock(turn: Turn) -> AsyncIterator[str]:
    """Answers like `tests.e2e.bots.counting`, then `<hours>h`."""
    before = _ahead()
    async for word in counting(turn):
        yield word
    yield f"{round((_ahead() - before) / 3600):+d}h"
