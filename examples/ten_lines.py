"""A whole chat bot. In this directory: `unbroken up ten_lines:bot`."""

from asyncio import sleep
from collections.abc import AsyncIterator

from unbroken import Turn


async def bot(turn: Turn) -> AsyncIterator[str]:
    for word in f"{turn.session_name}, your message number {turn.number} was: {turn.text}".split(" "):
        yield f"{word} "
        await sleep(0.05)
