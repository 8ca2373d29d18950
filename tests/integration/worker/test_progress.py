"""What a bot keeps from attempt to attempt, and from its question to the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.integration.worker.harness import Talk, until, working
from unbroken.backend import Backend
from unbroken.models.scripted import Scripted
from unbroken.models.wrap import wrap
from unbroken.protocol import ReplyStarted, decode_event
from unbroken.turn import Turn
from unbroken.types import Piece, Question, Reasoning, Status, ToolResult

pytestmark = pytest.mark.settings(partitions=2)


async def test_the_next_attempt_begins_at_the_checkpoint(backend: Backend) -> None:
    """What was said before it stays, with its parts; what came after it is said anew."""
    talk = await Talk.begin(backend)
    first, second = Scripted(), Scripted()
    message = "think why; say kept, ; once tool; keep here; say lost; wait door; say and the rest"
    async with working(backend, first):
        await talk.send(message)
        await until(lambda: first.waiting["door"])
    second.open("door")
    async with working(backend, second):
        reply = await talk.outcome("m1")
    assert reply.msg == "kept,lostand the rest"
    assert reply.parts == [Reasoning("why")]
    assert first.done["tool"] == 1
    assert second.done["tool"] == 0
    [turn] = second.turns
    assert (turn.saved, turn.partial, turn.parts) == ("here", "kept,", (Reasoning("why"),))


async def test_a_step_is_done_once_also_if_the_bot_begins_anew(backend: Backend) -> None:
    talk = await Talk.begin(backend)
    first, second = Scripted(), Scripted()
    async with working(backend, first):
        await talk.send("say anew, ; once tool; wait door; once tool; once other")
        await until(lambda: first.waiting["door"])
    second.open("door")
    async with working(backend, second):
        reply = await talk.outcome("m1")
    assert reply.msg == "anew,"
    assert (first.done, second.done) == ({"tool": 1}, {"other": 1})
    assert second.turns[0].partial == ""


async def test_what_is_kept_goes_with_the_reply(backend: Backend) -> None:
    talk = await Talk.begin(backend)
    bot = Scripted()
    async with working(backend, bot):
        await talk.send("keep something; say one")
        assert (await talk.outcome("m1")).msg == "one"
        await talk.send("say two")
        await talk.outcome("m2")
    assert bot.turns[1].saved is None
    assert not {"kept", "step", "mark"} & (await backend.store.state(talk.session)).keys()


async def test_a_question_ends_the_reply_and_the_next_message_answers_it(backend: Backend) -> None:
    talk = await Talk.begin(backend)
    bot = Scripted()
    message = "say I can delete it.; once look; ask Shall I?; say , as you wish; ask Sure?; say !"
    async with working(backend, bot) as worker:
        await talk.send(message)
        asked = await talk.outcome("m1")
        assert asked.status is Status.COMPLETED
        assert asked.msg == "I can delete it.\n\nShall I?"
        assert asked.parts == [Question("Shall I?")]
        await until(lambda: not worker._replies)  # nobody waits for the answer
        await talk.send("yes")
        again = await talk.outcome("m2")
        assert again.msg == "yes, as you wish\n\nSure?"
        await talk.send("quite")
        assert (await talk.outcome("m3")).msg == "quite!"
        await talk.send("say something else")
        assert (await talk.outcome("m4")).msg == "something else"
    assert bot.done == {"look": 1}
    assert [turn.text for turn in bot.turns] == [message] * 3 + ["say something else"]
    assert [turn.messages[-1].id for turn in bot.turns] == ["m1"] * 3 + ["m4"]
    questions = {message.id: message.answers for message in await talk.history() if message.reply_to is None}
    assert questions == {"m1": None, "m2": "m1.reply", "m3": "m2.reply", "m4": None}


async def test_a_message_from_before_the_question_is_no_answer(backend: Backend) -> None:
    talk = await Talk.begin(backend)
    bot = Scripted()
    async with working(backend, bot):
        await talk.send("wait door; ask Shall I?; say done")
        await talk.send("say hello")
        bot.open("door")
        assert (await talk.outcome("m2")).msg == "hello"
        await talk.send("yes")
        assert (await talk.outcome("m3")).msg == "yesdone"


async def test_a_worker_dies_between_the_answer_and_the_reply(backend: Backend) -> None:
    talk = await Talk.begin(backend)
    first, second = Scripted(), Scripted()
    async with working(backend, first):
        await talk.send("say before; ask Shall I?; say , after; wait door; say , end")
        await talk.outcome("m1")
        await talk.send("yes")
        await until(lambda: first.waiting["door"])
    second.open("door")
    async with working(backend, second):
        assert (await talk.outcome("m2")).msg == "yes, after, end"


async def test_an_answer_that_was_taken_back_leaves_the_question_open(backend: Backend) -> None:
    talk = await Talk.begin(backend)
    bot = Scripted()
    async with working(backend, bot):
        await talk.send("ask Shall I?; say done")
        await talk.outcome("m1")
    await talk.send("yes")
    await backend.queue.withdraw(talk.session, "m2")
    async with working(backend, bot):
        assert (await talk.outcome("m2")).status is Status.CANCELLED
        await talk.send("no")
        assert (await talk.outcome("m3")).msg == "nodone"


@pytest.mark.parametrize(("said", "heard"), [("YES ", "Yes"), ("perhaps", "perhaps")])
async def test_options_are_told_apart_without_case(backend: Backend, said: str, heard: str) -> None:
    async def bot(turn: Turn) -> AsyncIterator[Piece]:
        yield await turn.ask("Really?", ["Yes", "No"])

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "test:bot", 1)):
        await talk.send("do it")
        assert (await talk.outcome("m1")).parts == [Question("Really?", ["Yes", "No"])]
        await talk.send(said)
        assert (await talk.outcome("m2")).msg == heard


async def test_a_bot_renames_its_session(backend: Backend) -> None:
    talk = await Talk.begin(backend)
    async with working(backend, Scripted()):
        await talk.send("title About logs; say done")
        await talk.outcome("m1")
    assert (await backend.store.read(talk.session)).name == "About logs"


@pytest.mark.settings(reply_bytes=1000)
@pytest.mark.parametrize("kept", [object(), "x" * 1001], ids=["no JSON", "too large"])
async def test_what_cannot_be_kept_fails_the_reply(backend: Backend, kept: object) -> None:
    async def bot(turn: Turn) -> AsyncIterator[Piece]:
        yield "so far"
        await turn.checkpoint(kept)

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "test:bot", 1)):
        await talk.send("?")
        reply = await talk.outcome("m1")
    assert (reply.status, reply.msg) == (Status.FAILED, "so far")


async def test_started_says_what_stays(backend: Backend) -> None:
    """Readers replace what they show by what the new attempt begins with, parts too."""
    door = asyncio.Event()

    async def bot(turn: Turn) -> AsyncIterator[Piece]:
        if turn.saved is None:
            yield ToolResult("1", {"found": []})
            yield "So: "
            await turn.checkpoint(1)
            yield "maybe "
        await door.wait()
        yield "nothing."

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "test:bot", 1)):
        await talk.send("?")
        await talk.shows("So: maybe ")
    async with working(backend, wrap(bot, "test:bot", 1)):
        async with asyncio.timeout(20):
            while not isinstance(newest := decode_event((await talk.log())[-1].frame), ReplyStarted):
                await asyncio.sleep(0.01)
        assert (newest.text, newest.parts) == ("So: ", [ToolResult("1", {"found": []})])
        door.set()
        reply = await talk.outcome("m1")
    assert (reply.msg, reply.parts) == ("So: nothing.", [ToolResult("1", {"found": []})])


async def test_reasoning_that_follows_each_other_is_one_part_in_the_next_attempt(backend: Backend) -> None:
    talk = await Talk.begin(backend)
    first, second = Scripted(continues=True), Scripted(continues=True)
    message = "think a; sleep 0.01; think b; sleep 0.01; think c; say d; think e; wait door"
    async with working(backend, first):
        await talk.send(message)
        await until(lambda: first.waiting["door"])
        await talk.shows("d")
    second.open("door")
    async with working(backend, second):
        await talk.outcome("m1")
    assert second.turns[0].parts == (Reasoning("abc"), Reasoning("e"))


async def test_a_bot_that_continues_goes_on_in_the_reply_behind_its_question(backend: Backend) -> None:
    """What it shows again on its way to the question is no part of what it continues."""
    talk = await Talk.begin(backend)
    first, second = Scripted(continues=True), Scripted(continues=True)
    async with working(backend, first):
        await talk.send("say a long way to; ask Shall I?; say , half; wait door; say , whole")
        await talk.outcome("m1")
        await talk.send("yes")
        await talk.shows("yes, half")
        await until(lambda: first.waiting["door"])
    second.open("door")
    async with working(backend, second):
        assert (await talk.outcome("m2")).msg == "yes, half, whole"
