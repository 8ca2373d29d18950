"""What a bot is given for one attempt to answer one message, and what it may do there beside talking."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec

from unbroken.types import Message, Part, Question, Role


class Journal(msgspec.Struct, omit_defaults=True):
    """What a bot keeps from attempt to attempt, and from a question to the reply after its answer.

    Attributes:
        saved: the data of the last checkpoint; None if there was none.
        steps: results of what is done only once, by name.
        answers: to the questions since the last checkpoint, in order.
    """

    saved: Any = None
    steps: dict[str, Any] = {}
    answers: list[str] = []


class Keeper(Protocol):
    """What stands behind a turn: a worker, or a test."""

    async def save(self, journal: Journal, *, mark: bool) -> None:
        """Keeps the journal; with `mark` the next attempt goes on behind everything that was said until now."""

    async def ask(self, question: Question, journal: Journal) -> None:
        """Ends the attempt with a question. It does not return."""

    async def rename(self, name: str) -> None:
        """Gives the session another name."""


class Turn:
    """One attempt to answer one message: what a bot is given.

    Attributes:
        text: the message to answer; of messages that are answered together all of them, with a blank line between.
        messages: the conversation so far, oldest first; the last one is the message to answer.
        session: id of the session.
        session_name: the name of the session.
        message_id: id of the message to answer.
        number: 1, 2, 3 … within the session.
        attempt: 1, or more if an earlier worker died on the way.
        partial: the text that earlier attempts showed and that stays: all of it for a bot that declares
            `continues = True`, else what was said before the last checkpoint. The bot says only what follows. What it
            says while it is `replaying` belongs to earlier replies, and is no part of this.
        parts: the parts that earlier attempts showed and that stay.
        saved: the data of the last checkpoint as plain JSON values, or None.
        goes_on: the bot is stopped, but the reply is not: another worker continues it. What was begun elsewhere for the
            reply should be left for that one.
        replaying: whether the bot has not come to where it asked its last question yet. Until then nothing that it
            says is shown, because it was shown before.
    """

    __slots__ = (
        "_answered",
        "_cancelled",
        "_doing",
        "_journal",
        "_keeper",
        "attempt",
        "goes_on",
        "message_id",
        "messages",
        "number",
        "partial",
        "parts",
        "replaying",
        "saved",
        "session",
        "session_name",
        "text",
    )

    def __init__(
        self,
        text: str,
        *,
        messages: list[Message] | None = None,
        session: str = "",
        session_name: str = "",
        message_id: str = "",
        number: int = 1,
        attempt: int = 1,
        partial: str = "",
        parts: Sequence[Part] = (),
        journal: Journal | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self.text = text
        self.messages = messages or [Message(id=message_id, msg=text, role=Role.USER, timestamp="", turn=number)]
        self.session = session
        self.session_name = session_name
        self.message_id = message_id
        self.number = number
        self.attempt = attempt
        self.partial = partial
        self.parts = tuple(parts)
        self._journal = journal or Journal()
        self.saved = _plain(self._journal.saved)
        self._keeper = keeper
        self._doing: dict[str, asyncio.Lock] = {}
        self._answered = 0
        self.replaying = bool(self._journal.answers)
        self.goes_on = False
        self._cancelled = asyncio.Event()

    async def checkpoint(self, data: Any) -> None:
        """Keeps `data`, and everything that was said until now: if this worker dies, the next attempt begins here.

        It then finds the data in `saved` and the text in `partial`. When this returns, Redis has it.

        Args:
            data: anything that JSON can say.

        Raises:
            TypeError: it is no JSON.
            BotError: it is larger than a reply may be.
        """
        self._journal = Journal(_plain(data), self._journal.steps, self._journal.answers[self._answered :])
        self.saved = _plain(data)
        self._answered = 0
        await self._save(mark=True)

    async def once(self, name: str, action: Callable[[], Awaitable[Any] | Any]) -> Any:
        """Does something that must not be done twice, and returns its result; a later attempt gets the same result.

        Between the end of the action and the moment when Redis has its result lies about a millisecond. A worker that
        dies within it leaves no result, so what must never ever happen twice needs a key of its own to be idempotent.

        Args:
            name: which action of this reply it is.
            action: a plain or a coroutine function; a plain one must not block.

        Raises:
            TypeError: the result is no JSON.
            BotError: together with what is kept already it is larger than a reply may be.
        """
        async with self._doing.setdefault(name, asyncio.Lock()):  # several tasks of the bot may come to the same step
            if name not in self._journal.steps:
                result = action()
                if inspect.isawaitable(result):
                    result = await result
                self._journal.steps = {**self._journal.steps, name: _plain(result)}
                await self._save(mark=False)
        return _plain(self._journal.steps[name])  # whatever the bot does with it: the next attempt gets the same

    async def ask(self, question: str, options: Sequence[str] = ()) -> str:
        """Asks the reader, and returns the answer.

        The reply ends with the question, and the worker is free for others. The next message is the answer; then some
        worker runs the bot again from its start, for the same message, without showing again what was said before this
        question, and here it gets the answer. So the way to here must be the same each time: what must not be done
        twice goes into `once`, or behind a `checkpoint`.

        Returns:
            The answer; one of the options if it is the same but for case and blanks around it, else what was written.
        """
        if self._answered < len(self._journal.answers):
            answer = self._journal.answers[self._answered]
            self._answered += 1
            self.replaying = self._answered < len(self._journal.answers)
            chosen = (option for option in options if option.strip().casefold() == answer.strip().casefold())
            return next(chosen, answer)
        await self._kept_by().ask(Question(question, list(options)), self._journal)
        raise AssertionError("a keeper does not return from a question")

    async def rename(self, name: str) -> None:
        """Gives the session another name, of at most 100 characters; everyone who watches sees it.

        Raises:
            MessageRefused: it is empty, too long, or not text.
        """
        await self._kept_by().rename(name)

    @property
    def cancelled(self) -> bool:
        """True once somebody stopped this reply. The bot is cancelled too; this is for threads that must look."""
        return self._cancelled.is_set()

    def cancel(self, *, goes_on: bool = False) -> None:
        """Marks the turn as stopped; with `goes_on`, another attempt will answer in its place."""
        self.goes_on = goes_on
        self._cancelled.set()

    async def _save(self, *, mark: bool) -> None:
        if self._keeper is not None:
            await self._keeper.save(self._journal, mark=mark)

    def _kept_by(self) -> Keeper:
        if self._keeper is None:
            raise RuntimeError("this turn has nobody behind it; unbroken.testing makes turns that have")
        return self._keeper


def _plain(value: Any) -> Any:
    """A copy that holds plain JSON only, as a later attempt would read it.

    Raises:
        TypeError: it is no JSON.
    """
    try:
        return msgspec.json.decode(msgspec.json.encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise TypeError(f"what a bot keeps has to be JSON: {error}") from None
