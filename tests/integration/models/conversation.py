"""Turns of a conversation, as a worker would give them to a bot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from unbroken.models.base import Bot
from unbroken.models.wrap import wrap
from unbroken.turn import Turn
from unbroken.types import Message, Piece, Role, Status

PATIENCE = 20.0
"""Seconds that something may take that happens at once, on a machine with much else to do."""


def asked(turn: int, text: str, **more: Any) -> Message:
    return Message(f"m{turn}", text, Role.USER, "", turn, **more)


def answered(turn: int, text: str, status: Status = Status.COMPLETED) -> Message:
    return Message(f"m{turn}.reply", text, Role.ASSISTANT, "", turn, reply_to=f"m{turn}", status=status)


def turn(*messages: Message, session: str = "s", attempt: int = 1) -> Turn:
    """The turn that answers the last of these messages."""
    last = messages[-1]
    return Turn(
        last.msg, messages=list(messages), session=session, message_id=last.id, number=last.turn, attempt=attempt
    )


@asynccontextmanager
async def running(target: object) -> AsyncIterator[Bot]:
    """Whatever a user brings, as a started bot."""
    bot = wrap(target, "my:agent", 1)
    await bot.start()
    try:
        yield bot
    finally:
        await bot.close()


async def said(target: object, what: Turn | str, found: list[Piece] | None = None) -> list[Piece]:
    """All pieces of the reply, text that follows text as one; `found` has those before an error too."""
    pieces = [] if found is None else found
    async with running(target) as bot:
        async for piece in bot.reply(Turn(what, session="s") if isinstance(what, str) else what):
            if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
                pieces[-1] += piece
            else:
                pieces.append(piece)
    return pieces


class Speaking:
    """A reply that runs in a task of its own, as in a worker, piece by piece."""

    def __init__(self, bot: Bot, text: str = "Hi") -> None:
        self.pieces: list[Piece] = []
        self._reply: Any = bot.reply(Turn(text, session="s"))
        self._news = asyncio.Condition()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            async for piece in self._reply:
                async with self._news:
                    self.pieces.append(piece)
                    self._news.notify_all()
        finally:
            await self._reply.aclose()

    async def says(self, *pieces: Piece) -> None:
        """Waits for these pieces, from its beginning on."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: len(self.pieces) >= len(pieces) or self._task.done())
        assert self.pieces[: len(pieces)] == list(pieces)

    async def end(self) -> None:
        """Waits for its end."""
        async with asyncio.timeout(PATIENCE):
            await self._task

    async def stop(self) -> None:
        """Cancels it, and waits until it has cleaned up."""
        self._task.cancel()
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait([self._task])
        assert self._task.cancelled()
