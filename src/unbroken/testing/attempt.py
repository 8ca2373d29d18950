"""One attempt of a bot under test, and what befalls it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from unbroken.claim import Claim
from unbroken.keys import Keys
from unbroken.models.base import Bot
from unbroken.testing.memory import Memory
from unbroken.turn import Journal, Turn
from unbroken.types import Piece
from unbroken.worker.channel import Channel
from unbroken.worker.outbox import Outbox
from unbroken.worker.reply import Reply, Stop


class Fate(NamedTuple):
    """What is to befall an attempt, and when: at the first of three moments.

    Attributes:
        what: "crash" or "stop".
        pieces: after so many pieces.
        checkpoint: after the checkpoint with this number, 1, 2, 3 … within the attempt.
        step: after the step of this name.
    """

    what: str
    pieces: int | None = None
    checkpoint: int | None = None
    step: str | None = None

    @property
    def named(self) -> bool:
        """Whether any moment was named."""
        return self[1:] != (None, None, None)

    def __str__(self) -> str:
        moments = (
            (self.pieces, f"{self.pieces} pieces"),
            (self.checkpoint, f"checkpoint {self.checkpoint}"),
            (self.step, f"the step {self.step!r}"),
        )
        return f"the {self.what} after " + " or ".join(text for given, text in moments if given is not None)


class Attempt:
    """A running attempt, until its fate or its end.

    Attributes:
        struck: whether its fate came about.
        count: the pieces that it has said.
    """

    def __init__(self, reply: Reply, memory: Memory, fate: Fate | None) -> None:
        self._reply = reply
        self._memory = memory
        self._fate = fate
        self._checkpoints = 0
        self._steps = frozenset[str]()
        self.struck = False
        self.count = 0
        memory.on_stop = lambda: reply.stop(Stop.CANCELLED)
        memory.on_kept = self._kept

    def crash(self) -> None:
        """The worker dies now."""
        self._memory.lose()
        self._reply.stop(Stop.LOST)

    def stop(self) -> None:
        """Somebody presses stop now."""
        self._memory.halt()

    async def said(self, count: int) -> None:
        """Takes note that the bot has said so many pieces. Does not return if that was its fate."""
        self.count = count
        if self._fate is not None and self._fate.pieces == count:
            self._strike()
            await asyncio.Event().wait()

    def _kept(self, journal: Journal, mark: bool) -> None:
        self._checkpoints += mark
        fresh, self._steps = journal.steps.keys() - self._steps, frozenset(journal.steps)
        fate = self._fate
        if fate is not None and ((mark and fate.checkpoint == self._checkpoints) or fate.step in fresh):
            self._strike()

    def _strike(self) -> None:
        self.struck = True
        self.crash() if self._fate is not None and self._fate.what == "crash" else self.stop()


class Observed:
    """A bot whose pieces are counted and whose exception is kept.

    Attributes:
        attempt: the one that runs.
        exception: what the last reply raised.
    """

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self.name = bot.name
        self.continues = bot.continues
        self.attempt: Attempt | None = None
        self.exception: Exception | None = None

    async def start(self) -> None:
        """Prepares the bot."""
        await self._bot.start()

    async def close(self) -> None:
        """Closes the bot."""
        await self._bot.close()

    async def reply(self, turn: Turn) -> AsyncIterator[Piece]:
        """Answers as the bot does, as long as it may."""
        attempt = self.attempt
        assert attempt is not None
        self.exception = None
        answer = self._bot.reply(turn)
        count = 0
        try:
            await attempt.said(count)
            async for piece in answer:
                shown = bool(piece) and not turn.replaying
                yield piece
                if shown:
                    count += 1
                    await attempt.said(count)
        except Exception as error:
            self.exception = error
            raise
        finally:
            close = getattr(answer, "aclose", None)
            if close is not None:
                await close()


class _Heard(Channel):
    """A channel whose pieces can be looked at."""

    __slots__ = ()

    @property
    def said(self) -> list[Piece]:
        return self._sent


class Direct(Outbox):
    """The way of one reply into memory: every piece is there at once, as a chunk of its own."""

    def __init__(self, memory: Memory, keys: Keys, reply_bytes: int) -> None:
        self._memory = memory
        self._keys = keys
        self._reply_bytes = reply_bytes

    def open(self, claim: Claim, *, on_lost: Callable[[], None], on_gone: Callable[[], None]) -> Channel:
        """Opens the channel of the reply."""
        keys = self._keys.session(claim.session)
        channel = _Heard(self, claim, keys, self._reply_bytes, on_lost=on_lost, on_gone=on_gone)
        self._memory.said = channel.said
        return channel

    def enqueue(self, channel: Channel) -> None:
        """Writes what the channel holds."""
        while channel.due:
            channel.cut()
            channel.answered()
