"""A conversation with a bot, in memory."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from typing import Any, NamedTuple, Self

from unbroken.backend import Backend
from unbroken.claim import Claim
from unbroken.config import Settings
from unbroken.errors import NotWaiting
from unbroken.keys import Keys
from unbroken.models.base import Bot, load_bot
from unbroken.models.wrap import wrap
from unbroken.queue import Limits, Queue
from unbroken.redis.router import Router
from unbroken.store import Store
from unbroken.testing.attempt import Attempt, Direct, Fate, Observed
from unbroken.testing.memory import Memory
from unbroken.testing.reply import Reply
from unbroken.testing.settings import settings as isolated
from unbroken.types import Message, Piece, in_view
from unbroken.worker import reply as worker
from unbroken.worker.bots import Bots

_SESSION = "test"
_PATIENCE = {"reply_timeout": 30.0}
"""A bot that hangs fails its test, and does not hang it."""


async def ask(bot: object, text: str, **settings: Any) -> Reply:
    """Starts a bot, sends it one message, closes it, and returns the reply. Takes and raises what `Chat` does."""
    async with Chat(bot, **settings) as chat:
        return await chat.send(text)


def bot_of(target: object, settings: Settings) -> Bot:
    """The bot that a deployment would make of this.

    Raises:
        ConfigurationError: it is nothing that can be a bot; the message says what to change.
    """
    if isinstance(target, str):
        return load_bot(settings.model_copy(update={"bot": target}))
    return wrap(target, getattr(target, "__name__", type(target).__name__), settings.concurrency)


class Chat:
    """One session with a bot, which is run as a worker runs it; nothing is real but the bot.

        async with Chat(bot) as chat:
            reply = await chat.send("Delete my account")
            assert reply.question
            reply = await chat.answer("Yes")

    The next message finds the history of those before. A bot's `start` is called before the first one, its `close` at
    the end of `async with`, or by `close`. Belongs to one event loop.

    Args:
        bot: whatever `unbroken up` takes: a function, an object or a class with a method `reply`, an agent, a graph, or
            `"module:name"`.
        name: of the session.
        settings: any setting that concerns replies, such as `policy`, `attempts`, `context_messages`, `reply_bytes`.
            They have their usual defaults, but a reply fails after 30 seconds (`reply_timeout`).

    Raises:
        ConfigurationError: it is no bot, or there is no such setting; the message says what to change.
    """

    def __init__(self, bot: object, *, name: str = "Test", **settings: Any) -> None:
        self._settings = isolated(_PATIENCE, settings)
        self._memory = Memory(name)
        self._backend = _Backend(self._settings, self._memory)
        self._bot = Observed(bot_of(bot, self._settings))
        self._bots = Bots.of(self._bot)
        self._started = False
        self._turns = asyncio.Lock()
        self._fates: deque[Fate] = deque()
        self._attempt: Attempt | None = None
        self._runs: dict[str, _Run] = {}
        self._sent = 0

    @property
    def name(self) -> str:
        """The name of the session; bots may change it."""
        return self._memory.name

    @property
    def messages(self) -> list[Message]:
        """The conversation as its reader sees it: of replaced messages the last version, each with its reply."""
        return in_view(self._memory.messages)

    @property
    def history(self) -> list[Message]:
        """Everything that is stored, also what was replaced or merged, in the order in which it came."""
        return list(self._memory.messages)

    async def send(self, text: str, *, answers: str | None = None, replaces: str | None = None) -> Reply:
        """Sends a message, and returns what came of it: however the bot behaves, that is one committed outcome.

        After a question of the bot the next message answers it. A second `send` from another task arrives during the
        reply to the first, and the setting `policy` says what that does.

        Args:
            text: the message.
            answers: the id of the reply whose question it answers; `-` for none; by default the open one.
            replaces: the id of an earlier message that this one stands for in view.

        Raises:
            Refused: a deployment would refuse it: it is empty or too long, it comes during a reply and the policy is
                `reject`, it replaces nothing that there is, or there is no such question.
            AssertionError: what `crash` or `cancel` announced did not come about.
        """
        if not self._started:
            self._started = True
            await self._bots.start()
        self._sent += 1
        message_id = f"m{self._sent}"
        await self._backend.queue.accept(
            _SESSION, message_id, text, answers=answers, replaces=replaces, policy=self._settings.policy
        )
        async with self._turns:
            while (claim := await self._take()) is not None:
                await self._answer(claim)
        if self._fates:
            left = " and ".join(map(str, self._fates))
            self._fates.clear()
            raise AssertionError(f"the reply ended before {left}")
        outcome = next(one for one in self._memory.messages if one.reply_to == message_id)
        return Reply(outcome, *self._runs.get(message_id, _Run([], 0, None)))

    async def answer(self, text: str) -> Reply:
        """Answers the open question of the bot. Returns and raises what `send` does.

        Raises:
            NotWaiting: there is none.
        """
        if not self._memory.open:
            raise NotWaiting("the bot asks nothing")
        return await self.send(text, answers=self._memory.open)

    def crash(self, *, after: int | None = None, checkpoint: int | None = None, step: str | None = None) -> None:
        """Lets the worker die during the next attempt; then another worker makes a second one, as in a deployment.

        Of several arguments it is what comes first; without any, the worker of the running reply dies now. Called
        twice, the second call is for the attempt after that. Whatever a bot does once its worker is dead, such as
        cleaning up, is neither shown nor kept.

        Args:
            after: when the bot has said so many pieces that are shown; with 0 before it begins.
            checkpoint: when so many checkpoints of the attempt are kept.
            step: when the result of the step of this name is kept.

        Raises:
            RuntimeError: without arguments: no reply is running.
        """
        fate = Fate("crash", after, checkpoint, step)
        if fate.named:
            self._fates.append(fate)
        else:
            self._running().crash()

    def cancel(self, *, after: int | None = None, checkpoint: int | None = None, step: str | None = None) -> None:
        """Lets the reader press stop, at a moment as for `crash`. The reply ends as cancelled, with what was said."""
        fate = Fate("stop", after, checkpoint, step)
        if fate.named:
            self._fates.append(fate)
        else:
            self._running().stop()

    async def close(self) -> None:
        """Closes the bot."""
        if self._started:
            self._started = False
            await self._bots.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _running(self) -> Attempt:
        if self._attempt is None:
            raise RuntimeError("no reply is running; say when it is to happen: after=, checkpoint= or step=")
        return self._attempt

    async def _take(self) -> Claim | None:
        return await self._backend.queue.take(
            _SESSION,
            "1-0",
            secrets.token_hex(8),
            attempts=self._settings.attempts,
            continuing=self._bots.continuing,
            context=self._settings.context_messages,
        )

    async def _answer(self, claim: Claim) -> None:
        """Makes one attempt."""
        fate = self._fates.popleft() if self._fates else None
        outbox = Direct(self._memory, self._backend.keys, self._settings.reply_bytes)
        reply = worker.Reply(claim, self._bots.find(""), self._backend, outbox)
        self._attempt = self._bot.attempt = attempt = Attempt(reply, self._memory, fate)
        self._bot.exception = None
        try:
            await reply.run()
        finally:
            self._attempt = None
        self._runs[claim.message.id] = _Run(list(self._memory.said), claim.attempt, self._bot.exception)
        if fate is not None and not attempt.struck:
            self._fates.clear()
            raise AssertionError(f"the attempt ended before {fate}; it said {attempt.count} pieces")


class _Run(NamedTuple):
    pieces: list[Piece]
    attempts: int
    exception: Exception | None


class _Nowhere(Router):
    """A router that leads to no Redis."""

    def __init__(self) -> None:
        pass


class _Backend(Backend):
    """What a reply needs of a backend, with the scripts of a session in memory."""

    def __init__(self, settings: Settings, scripts: Memory) -> None:
        self.settings = settings
        self.keys = Keys()
        self.scripts = scripts
        router = _Nowhere()
        limits = Limits(settings.message_bytes, settings.inbox_limit, settings.turn_limit)
        self.queue = Queue(router, self.keys, scripts, limits)
        self.store = Store(router, self.keys, scripts)
