"""Reading replies to messages, as far as a test needs them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from unbroken.client.chat import Chat
from unbroken.client.sent import Sent


async def begun(sent: Sent) -> None:
    """Returns when the reply has begun."""
    async for _ in sent:
        return


async def taken_over(chats: Sequence[Chat]) -> float:
    """Returns when another worker has taken over the reply of each chat, none of which may end before: the seconds
    that this took.
    """
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*map(_second_attempt, chats))
    return asyncio.get_running_loop().time() - began


async def _second_attempt(chat: Chat) -> None:
    while (running := chat.transcript.running) is None or running.attempt < 2:
        await asyncio.sleep(0.02)


async def read(sent: Sent) -> int:
    """Reads a reply to its end; returns how often it began anew."""
    restarts, said = 0, ""
    async for piece in sent:
        restarts += piece.restart
        said = piece if piece.restart else said + piece
    assert said == (await sent.reply()).msg
    return restarts
