"""The bot that every contender runs: it says as many chunks, as fast, as its message asks for.

A message is `<chunks> <interval>`, the interval in seconds, 0 for as fast as it can. Chunk number i, from 0, is due
`i * interval` after the start of the reply. The first chunk names that moment, so that whoever reads the reply knows
when each of its chunks was due, and how late it came.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

CHUNK = "abcd~"
END = "~"
"""Every chunk ends with it, and holds it once: counting them in a text counts its chunks."""
STAMP = "@"
"""Begins the first chunk: what follows, up to its end, is the start of the reply in µs of the monotonic clock, which
all processes of a machine share."""


def question(chunks: int, interval: float) -> str:
    """Writes the message that asks for such a reply."""
    return f"{chunks} {interval}"


async def answer(message: str) -> AsyncIterator[str]:
    """Says the chunks. Even the fastest lets others run before each, as one that waits for a model has to."""
    chunks, interval = message.split()
    pace = float(interval)
    start = time.monotonic()
    for number in range(int(chunks)):
        wait = start + number * pace - time.monotonic() if pace else 0
        await asyncio.sleep(max(0, wait))
        yield CHUNK if number else f"{STAMP}{start * 1e6:.0f}{END}"


async def unbroken(turn: Any) -> AsyncIterator[str]:
    """The same as a bot of Unbroken: `unbroken worker benchmarks.bot:unbroken`."""
    async for chunk in answer(turn.text):
        yield chunk
