"""What stands behind the turn of a running reply: it keeps what the bot wants kept, in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, NoReturn, TypeVar

from unbroken.claim import Claim, encode
from unbroken.errors import BotError, LeaseLost, SessionGone
from unbroken.queue import Queue
from unbroken.store import Store
from unbroken.turn import Journal
from unbroken.types import Question
from unbroken.worker.channel import Channel
from unbroken.worker.patience import insist

T = TypeVar("T")


class Asking(NamedTuple):
    """The bot asks, and will go on with this when it is answered."""

    question: Question
    journal: Journal


class ReplyKeeper:
    """Keeps a bot's progress while this worker owns the reply; a bot that no longer does waits here for its end.

    Args:
        limit: bytes that a journal may have.
        on_asked: ends the attempt with a question.
        on_lost: called when another attempt owns the reply, or the session is gone.
    """

    def __init__(
        self,
        claim: Claim,
        channel: Channel,
        queue: Queue,
        store: Store,
        limit: int,
        on_asked: Callable[[Asking], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._claim = claim
        self._channel = channel
        self._queue = queue
        self._store = store
        self._limit = limit
        self._on_asked = on_asked
        self._on_lost = on_lost
        self._number = 0
        self._saving = asyncio.Lock()
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Ends whatever of the bot waits here still."""
        self._closed.set()

    async def save(self, journal: Journal, *, mark: bool) -> None:
        """Keeps the journal for the next attempt; with `mark` also what was said until now. Waits for Redis if it must.

        Raises:
            BotError: it is too large.
        """
        self._check(journal)
        async with self._saving:
            self._number += 1
            if not mark:
                await self._save(journal, None)
                return
            await self._channel.flushed()
            while not await self._save(journal, self._channel.next_seq - 1):
                self._channel.behind()
                await self._channel.flushed()

    async def _save(self, journal: Journal, seq: int | None) -> bool:
        number = self._number
        return await self._insist(lambda: self._queue.checkpoint(self._claim, number, journal, seq))

    async def ask(self, question: Question, journal: Journal) -> None:
        """Ends the attempt with a question; does not return.

        Raises:
            BotError: the journal is too large, or the reply with the question is.
        """
        self._check(journal)
        self._on_asked(Asking(question, journal))
        await self._stay()

    async def rename(self, name: str) -> None:
        """Gives the session another name. Waits for Redis if it must.

        Raises:
            MessageRefused: the name is empty, too long, or not text.
        """
        await self._insist(lambda: self._store.rename(self._claim.session, name))

    def _check(self, journal: Journal) -> None:
        size = len(encode(journal))
        if size > self._limit:
            raise BotError(
                f"what the bot keeps has {size} bytes; at most {self._limit} are allowed", code="journal_too_large"
            )

    async def _insist(self, action: Callable[[], Awaitable[T]]) -> T:
        try:
            return await insist(action, self._claim.session, "the bot's progress")
        except (LeaseLost, SessionGone):
            self._on_lost()
            await self._stay()

    async def _stay(self) -> NoReturn:
        """Goes nowhere: the bot is over, and is cancelled here at the end of the reply at the latest."""
        await self._closed.wait()
        raise asyncio.CancelledError
