"""One conversation, twice: played by `unbroken.testing`, and by real workers on a real Valkey."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from tests.integration.worker.harness import Talk, until
from unbroken.backend import Backend
from unbroken.errors import Refused
from unbroken.models.scripted import Scripted
from unbroken.testing import Chat
from unbroken.types import Message, Part, Policy, Reasoning
from unbroken.worker.bots import Bots
from unbroken.worker.worker import Worker


class Side(Protocol):
    """Whoever runs the bot."""

    bot: Scripted

    async def send(self, text: str, policy: Policy, replaces: str | None, answers: str | None) -> None:
        """Sends a message, and returns when it is accepted."""

    async def crash(self) -> None:
        """The worker dies, and another one takes its place."""

    async def stop(self) -> None:
        """Somebody stops the running reply."""

    async def settle(self) -> None:
        """Waits until everything is answered."""


class Step(NamedTuple):
    """What happens next.

    Attributes:
        what: send, at (wait until the bot is at a door, again), crash, stop, open (a door), settle.
        argument: a text, or a door.
    """

    what: str
    argument: str = ""
    policy: Policy = "queue"
    replaces: str | None = None
    answers: str | None = None


async def follow(side: Side, steps: list[Step]) -> list[str]:
    """Lets everything happen, in order. Returns which messages were refused."""
    refused = []
    seen = Counter[str]()
    for step in steps:
        what, argument = step.what, step.argument
        match what:
            case "send":
                try:
                    await side.send(argument, step.policy, step.replaces, step.answers)
                except Refused as error:
                    refused.append(f"{argument}: {error.code}")
            case "at":
                await until(lambda: side.bot.waiting[argument] > seen[argument])  # noqa: B023 - called at once
                seen[argument] = side.bot.waiting[argument]
            case "open":
                side.bot.open(argument)
            case "crash":
                await side.crash()
            case "stop":
                await side.stop()
            case "settle":
                await side.settle()
    await side.settle()
    return refused


class Played:
    """In memory."""

    def __init__(self, bot: Scripted, **settings: Any) -> None:
        self.bot = bot
        self.chat = Chat(bot, name="Ann", **settings)
        self.shown: list[str] = []
        self._sent: list[asyncio.Task[Any]] = []

    async def send(self, text: str, policy: Policy, replaces: str | None, answers: str | None) -> None:
        self.chat._settings = self.chat._settings.model_copy(update={"policy": policy})
        known = len(self.chat.history)
        task = asyncio.create_task(self.chat.send(text, replaces=replaces, answers=answers))
        await until(lambda: len(self.chat.history) > known or task.done())
        if len(self.chat.history) == known:
            await task
        self._sent.append(task)

    async def crash(self) -> None:
        memory = self.chat._memory
        self.shown.append(memory._shown(len(memory.said))[0])
        self.chat.crash()

    async def stop(self) -> None:
        self.chat.cancel()

    async def settle(self) -> None:
        async with asyncio.timeout(20):
            await asyncio.gather(*self._sent)

    def outcome(self) -> dict[str, Any]:
        return outcome(self.bot, self.chat.name, self.chat.history)


class Real:
    """With a worker.

    Args:
        shown: what readers have been shown at each crash; it waits for that.
    """

    def __init__(self, bot: Scripted, backend: Backend, shown: list[str]) -> None:
        self.bot = bot
        self._backend = backend
        self._shown: Iterator[str] = iter(shown)
        self._sent = 0

    async def start(self) -> None:
        self.talk = await Talk.begin(self._backend)
        self._hire()

    def _hire(self) -> None:
        self._worker = Worker(self._backend, Bots.of(self.bot))
        self._task = asyncio.create_task(self._worker.run())

    async def send(self, text: str, policy: Policy, replaces: str | None, answers: str | None) -> None:
        self._sent += 1
        await self._backend.queue.accept(
            self.talk.session, f"m{self._sent}", text, policy=policy, replaces=replaces, answers=answers
        )

    async def crash(self) -> None:
        shown = next(self._shown)
        async with asyncio.timeout(20):
            while (await self.talk.shown())[0] != shown:
                await asyncio.sleep(0.01)
        self._task.cancel()
        await asyncio.wait([self._task])
        self._hire()

    async def stop(self) -> None:
        await self._backend.queue.cancel(self.talk.session, f"m{self._sent}")

    async def settle(self) -> None:
        for number in range(1, self._sent + 1):
            if any(one.id == f"m{number}" for one in await self.talk.history()):
                await self.talk.outcome(f"m{number}")

    async def end(self) -> None:
        self._worker.stop()
        self._worker.stop()
        await asyncio.wait_for(self._task, 20)

    async def outcome(self) -> dict[str, Any]:
        session = await self._backend.store.read(self.talk.session)
        return outcome(self.bot, session.name, session.messages)


def outcome(bot: Scripted, name: str, messages: list[Message]) -> dict[str, Any]:
    """Everything that must be the same on both sides."""
    return {
        "name": name,
        "history": [
            [one.id, one.msg, one.status, one.error and one.error.code, one.turn, one.reply_to, *_links(one)]
            for one in messages
        ],
        "turns": [
            [turn.text, turn.message_id, turn.number, turn.attempt, turn.partial, turn.saved, turn.session_name]
            for turn in bot.turns
        ],
        "parts": [_joined(one.parts) for some in (messages, bot.turns) for one in some],
        "contexts": [[one.id for one in turn.messages] for turn in bot.turns],
        "ends": [(turn.replaying, turn.cancelled) for turn in bot.turns],
        "done": Counter(bot.done),
    }


def _links(message: Message) -> tuple[str | None, ...]:
    return message.answers, message.merged_into, message.replaces


def _joined(parts: Any) -> list[Part]:
    """Parts with reasoning in one piece: in how many it is written depends on the time that Redis takes."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, Reasoning) and found and isinstance(found[-1], Reasoning):
            part = Reasoning(found.pop().text + part.text)  # type: ignore[union-attr]
        found.append(part)
    return found


WORDS = ["say", "say", "think", "once", "ask", "wait", "wait", "title", "fail", "raise"]


def conversation(seed: int, *, continues: bool) -> list[Step]:
    """Some messages, each a random script, with crashes and stops at random doors, so few that each ends."""
    dice = random.Random(seed)
    steps: list[Step] = []
    doors = 0
    for message in range(3):
        script, happens, crashes = [], [Step("send")], 0
        for number in range(dice.randint(2, 7)):
            name = f"{message}{number}"
            word = dice.choice(WORDS if continues else [*WORDS, "keep", "keep"])
            if word in ("fail", "raise") and dice.random() < 0.7:
                word = "say"
            if word == "wait":
                doors += 1
                name = f"d{doors}"
                happens.append(Step("at", name))
                chance = dice.random()
                if chance < 0.15:
                    happens += [Step("stop"), Step("settle")]
                elif chance < 0.8 and crashes < 2:
                    crashes += 1
                    happens.append(Step("crash"))
                happens.append(Step("open", name))
            elif word == "ask":
                happens += [Step("settle"), Step("send", f"answer {name}")]
            script.append(f"{word} {name}")
            if word in ("fail", "raise") or Step("stop") in happens:
                break
        happens[0] = Step("send", "; ".join(script))
        steps += [*happens, Step("settle")]
    return steps
