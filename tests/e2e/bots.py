"""Bots whose answers are a function of the message alone, so that any reader can check any reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from unbroken import Turn


def words(text: str) -> list[str]:
    """The pieces of the answer to `<label> <count> <pause in ms>`."""
    label, count, _ = text.split()
    return [f"{label}:{number} " for number in range(int(count))]


def answer(text: str) -> str:
    """The whole answer to a message."""
    return "".join(words(text))


async def counting(turn: Turn) -> AsyncIterator[str]:
    """Answers `<label> <count> <pause in ms>` with so many words, that far apart."""
    pause = float(turn.text.split()[2]) / 1000
    for word in words(turn.text):
        yield word
        await asyncio.sleep(pause)
