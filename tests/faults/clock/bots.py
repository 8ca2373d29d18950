"""A bot that says at the end how far the clock of its machine was set while it spoke."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from tests.e2e.bots import words
from unbroken import Turn


def _ahead() -> float:
    return time.time() - time.monotonic()


async def looking_at_the_clock(turn: Turn) -> AsyncIterator[str]:
    """Answers `<label> <count> <pause in ms>` like `tests.e2e.bots.counting`, then `<hours>h`."""
    before = _ahead()
    pause = float(turn.text.split()[2]) / 1000
    for word in words(turn.text):
        yield word
        await asyncio.sleep(pause)
    yield f"{round((_ahead() - before) / 3600):+d}h"
