"""Bots whose answers are a function of the message alone, so that any reader can check any reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from unbroken import Turn


def words(text: str) -> list[str]:
    """The pieces of the answer to `<label> <count> <pause in ms> [<gate>]`."""
    label, count, *_ = text.split()
    return [f"{label}:{number} " for number in range(int(count))]


def answer(text: str) -> str:
    """The whole answer to a message."""
    return "".join(words(text))


async def counting(turn: Turn) -> AsyncIterator[str]:
    """Answers `<label> <count> <pause in ms> [<gate>]` with so many words, that far apart.

    With a gate, the last word waits until a file of that path is there: whatever the test does before it makes that
    file happens in mid-reply, however long it takes.
    """
    _, _, pause, *gate = turn.text.split()
    *most, last = words(turn.text)
    for word in most:
        yield word
        await asyncio.sleep(float(pause) / 1000)
    while gate and not await asyncio.to_thread(Path(gate[0]).exists):
        await asyncio.sleep(0.02)
    yield last
