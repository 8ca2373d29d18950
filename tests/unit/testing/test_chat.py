"""A chat in memory: what a test may ask of it, and what it is told. That it keeps the rules, test_parity.py shows."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from unbroken import BotError, Turn
from unbroken.errors import ConfigurationError, InboxFull, MessageRefused, NotWaiting, UnknownMessage
from unbroken.models.scripted import Scripted
from unbroken.testing import Chat, ask
from unbroken.types import Piece, Question, Reasoning, Role, Status


async def generator(turn: Turn) -> AsyncIterator[Piece]:
    yield "Hello "
    yield Reasoning("why not")
    yield turn.session_name


async def coroutine(turn: Turn) -> str:
    return f"Hello {turn.session_name}"


def plain(turn: Turn) -> Iterator[str]:
    yield "Hello "
    time.sleep(0.001)
    yield turn.session_name


class Thing:
    def __init__(self) -> None:
        self.said: list[str] = []

    async def start(self) -> None:
        self.said.append("start")

    def reply(self, turn: Turn) -> str:
        self.said.append(turn.text)
        return "Hello Test"

    async def close(self) -> None:
        self.said.append("close")


@pytest.mark.parametrize("bot", [generator, coroutine, plain, Thing, Thing()])
async def test_every_kind_of_bot(bot: object) -> None:
    reply = await ask(bot, "Hi")
    assert (reply.text, reply.status, reply.error, reply.attempts) == ("Hello Test", Status.COMPLETED, None, 1)


def test_a_bot_by_its_name() -> None:
    chat = Chat("unbroken.models.scripted:bot")
    assert asyncio.run(chat.send("say one")).text == "one"


async def test_pieces_and_parts() -> None:
    reply = await ask(generator, "Hi")
    assert reply.pieces == ["Hello ", Reasoning("why not"), "Test"]
    assert reply.parts == [Reasoning("why not")]


async def test_a_bot_is_started_and_closed_once() -> None:
    thing = Thing()
    async with Chat(thing) as chat:
        assert thing.said == []
        await chat.send("one")
        await chat.send("two")
    assert thing.said == ["start", "one", "two", "close"]


async def test_the_next_message_finds_the_history() -> None:
    chat = Chat(Scripted(), name="Ada")
    await chat.send("say one; title Numbers")
    await chat.send("say two")
    assert [(one.role, one.msg) for one in chat.messages] == [
        (Role.USER, "say one; title Numbers"),
        (Role.ASSISTANT, "one"),
        (Role.USER, "say two"),
        (Role.ASSISTANT, "two"),
    ]
    assert chat.name == "Numbers"


async def test_a_question_and_its_answer() -> None:
    async def bot(turn: Turn) -> AsyncIterator[str]:
        yield "Well."
        yield f" You said {await turn.ask('Really?', ['Yes', 'No'])}."

    chat = Chat(bot)
    asked = await chat.send("Do it")
    assert asked.question == Question("Really?", ["Yes", "No"])
    assert asked.pieces == ["Well.", "\n\nReally?", asked.question]
    assert (await chat.answer("yes")).text == " You said Yes."
    with pytest.raises(NotWaiting):
        await chat.answer("yes")


async def test_a_message_that_answers_nothing_leaves_the_question_open() -> None:
    chat = Chat(Scripted())
    asked = await chat.send("ask Which?; say done")
    assert (await chat.send("say hello", answers="-")).text == "hello"
    assert (await chat.send("this", answers=asked.message.id)).text == "thisdone"


SCRIPT = "say 1; once a; say 2; keep here; say 3; once b; say 4"


@pytest.mark.parametrize(
    ("when", "partial", "said", "done"),
    [
        ({"after": 0}, "", ["1", "2", "3", "4"], {"a": 1, "b": 1}),
        ({"after": 1}, "", ["1", "2", "3", "4"], {"a": 1, "b": 1}),
        ({"step": "a"}, "", ["1", "2", "3", "4"], {"a": 1, "b": 1}),
        ({"checkpoint": 1}, "12", ["3", "4"], {"a": 1, "b": 1}),
        ({"after": 3}, "12", ["3", "4"], {"a": 1, "b": 1}),
        ({"step": "b"}, "12", ["3", "4"], {"a": 1, "b": 1}),
        ({"after": 4}, "12", ["3", "4"], {"a": 1, "b": 1}),
        ({"checkpoint": 9, "after": 3}, "12", ["3", "4"], {"a": 1, "b": 1}),
    ],
)
async def test_a_crash(when: dict[str, Any], partial: str, said: list[str], done: dict[str, int]) -> None:
    bot = Scripted()
    chat = Chat(bot)
    chat.crash(**when)
    reply = await chat.send(SCRIPT)
    assert (reply.text, reply.attempts, reply.pieces) == ("1234", 2, said)
    assert bot.turns[-1].partial == partial
    assert bot.done == done


async def test_a_bot_that_continues_says_the_rest() -> None:
    chat = Chat(Scripted(continues=True))
    chat.crash(after=2)
    chat.crash(after=1)
    reply = await chat.send("count 5")
    assert (reply.text, reply.pieces, reply.attempts) == ("1 2 3 4 5 ", ["4 ", "5 "], 3)


async def test_crashes_use_up_the_attempts() -> None:
    chat = Chat(Scripted(), attempts=2)
    chat.crash(after=1)
    chat.crash(after=2)
    reply = await chat.send("count 5")
    assert reply.error is not None
    assert (reply.status, reply.error.code, reply.text) == (Status.FAILED, "attempts_exhausted", "1 2 ")


async def test_nothing_runs_beyond_the_crash() -> None:
    beyond = []

    async def bot(turn: Turn) -> AsyncIterator[str]:
        yield "one"
        beyond.append("after the piece")
        await turn.checkpoint(1)
        beyond.append("after the checkpoint")

    chat = Chat(bot)
    chat.crash(after=1)
    chat.crash(checkpoint=1)
    chat.cancel(after=1)
    assert (await chat.send("go")).status is Status.CANCELLED
    assert beyond == ["after the piece"]


async def test_a_crash_that_does_not_come_about_fails_the_test() -> None:
    chat = Chat(Scripted())
    chat.crash(after=3)
    with pytest.raises(AssertionError, match="ended before the crash after 3 pieces; it said 2 pieces"):
        await chat.send("count 2")
    chat.cancel(step="pay")
    chat.crash(checkpoint=2)
    with pytest.raises(AssertionError, match="before the stop after the step 'pay'"):
        await chat.send("once other")
    assert (await chat.send("say on")).text == "on"  # and is forgotten then
    for _ in range(4):
        chat.crash(after=1)
    with pytest.raises(AssertionError, match="the reply ended before the crash after 1 pieces"):
        await chat.send("count 2")


async def test_stop() -> None:
    chat = Chat(Scripted())
    chat.cancel(after=2)
    reply = await chat.send("count 5")
    assert (reply.status, reply.text) == (Status.CANCELLED, "1 2 ")
    chat.crash(after=3)
    chat.cancel(after=1)
    reply = await chat.send("count 5")
    assert (reply.status, reply.text, reply.attempts) == (Status.CANCELLED, "1 ", 2)


async def test_what_is_said_again_before_an_answer_does_not_count() -> None:
    chat = Chat(Scripted())
    await chat.send("say a; say b; ask Shall I?; say c")
    chat.cancel(after=1)
    assert (await chat.answer("yes")).text == "yes"


async def test_now() -> None:
    bot = Scripted()
    chat = Chat(bot)
    with pytest.raises(RuntimeError, match="no reply is running"):
        chat.crash()
    sending = asyncio.create_task(chat.send("say a; wait door; say b; wait end"))
    while not bot.waiting["door"]:
        await asyncio.sleep(0)
    chat.crash()
    bot.open("door")
    while not bot.waiting["end"]:
        await asyncio.sleep(0)
    chat.cancel()
    reply = await sending
    assert (reply.text, reply.attempts, reply.status) == ("ab", 2, Status.CANCELLED)


@pytest.mark.parametrize(
    ("error", "code"), [(ValueError("secret"), "bot_error"), (BotError("secret", public="So.", code="mine"), "mine")]
)
async def test_a_bot_that_raises(error: Exception, code: str) -> None:
    async def bot(turn: Turn) -> AsyncIterator[str]:
        yield "so far"
        raise error

    reply = await ask(bot, "go")
    assert (reply.status, reply.text, reply.exception) == (Status.FAILED, "so far", error)
    assert reply.error is not None
    assert reply.error.code == code
    assert "secret" not in reply.error.message


async def test_a_bot_that_hangs_fails() -> None:
    reply = await ask(Scripted(), "say one; hang", reply_timeout=0.05)
    assert reply.error is not None
    assert (reply.error.code, reply.text) == ("reply_timeout", "one")


async def test_a_message_during_a_reply() -> None:
    bot = Scripted()
    for policy, texts, statuses in (
        ("queue", ["one", "two"], ["completed", "completed"]),
        ("interrupt", ["", "two"], ["cancelled", "completed"]),
    ):
        chat = Chat(bot, policy=policy)
        first, second = await asyncio.gather(chat.send("sleep 0; sleep 0; say one"), chat.send("say two"))
        assert [first.text, second.text] == texts
        assert [first.status, second.status] == statuses
    chat = Chat(bot, policy="reject")
    outcomes = await asyncio.gather(chat.send("sleep 0; say one"), chat.send("say two"), return_exceptions=True)
    assert isinstance(outcomes[1], InboxFull)


async def test_what_a_deployment_refuses() -> None:
    chat = Chat(Scripted(), message_bytes=10)
    for text in ("", "x" * 11):
        with pytest.raises(MessageRefused):
            await chat.send(text)
    with pytest.raises(UnknownMessage):
        await chat.send("again", replaces="m99")
    assert chat.history == []


async def test_another_version_of_a_message() -> None:
    bot = Scripted()
    chat = Chat(bot)
    await chat.send("say one")
    first = chat.messages[0].id
    await chat.send("say uno", replaces=first)
    assert [one.msg for one in chat.messages] == ["say uno", "uno"]
    assert len(chat.history) == 4
    assert [one.msg for one in bot.turns[-1].messages] == ["say uno"]


@pytest.mark.parametrize(
    ("bot", "settings", "message"),
    [
        (3, {}, "is a int"),
        ("nowhere:bot", {}, "no module 'nowhere'"),
        (generator, {"polcy": "merge"}, "the setting polcy"),
        (generator, {"attempts": 0}, "the setting attempts"),
    ],
)
def test_what_cannot_work_says_why(bot: object, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Chat(bot, **settings)


async def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNBROKEN_ATTEMPTS", "1")
    chat = Chat(Scripted())
    chat.crash(after=0)
    assert (await chat.send("say on")).text == "on"


def test_it_loads_no_web_framework() -> None:
    code = "import sys, unbroken.testing; print({'fastapi', 'uvicorn', 'pytest'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout == "set()\n"
