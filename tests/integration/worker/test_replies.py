"""Replies as they should go: in order, side by side, with their texts, parts and failures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.worker.harness import Talk, questions_and_answers, until, working
from unbroken.backend import Backend
from unbroken.errors import BotError
from unbroken.log import Kind
from unbroken.models.scripted import Scripted
from unbroken.models.wrap import wrap
from unbroken.protocol import decode_event
from unbroken.turn import Turn
from unbroken.types import Data, Piece, Reasoning, Source, Status, ToolCall, ToolResult
from unbroken.worker import claimer
from unbroken.worker.channel import Channel

pytestmark = pytest.mark.settings(partitions=2)


async def test_one_reply_from_end_to_end(backend: Backend) -> None:
    bot = Scripted()
    talk = await Talk.begin(backend)
    async with working(backend, bot):
        message_id = await talk.send("say Hello; wait door; say , world")
        await talk.shows("Hello")
        entries = await talk.log()
        assert [entry.kind for entry in entries] == [Kind.STARTED, Kind.DELTA]
        bot.open("door")
        reply = await talk.outcome(message_id)
    assert (reply.id, reply.status, reply.msg, reply.turn, reply.error) == (
        "m1.reply",
        Status.COMPLETED,
        "Hello, world",
        1,
        None,
    )
    (end,) = await talk.log()
    assert (end.kind, end.prev) is not None
    assert decode_event(end.frame).message == reply  # type: ignore[union-attr]
    assert await talk.idle()
    assert all((total, held) == (0, 0) for _, total, held in await backend.queue.depth())


async def test_a_bot_gets_the_whole_turn(backend: Backend) -> None:
    bot = Scripted()
    talk = await Talk.begin(backend, "Zoë")
    async with working(backend, bot):
        await talk.ask("say one")
        await talk.ask("say two")
    turn = bot.turns[1]
    assert (turn.text, turn.session, turn.session_name, turn.message_id) == ("say two", talk.session, "Zoë", "m2")
    assert (turn.number, turn.attempt, turn.partial, turn.cancelled) == (2, 1, "", False)
    assert [message.msg for message in turn.messages] == ["say one", "one", "say two"]


async def test_replies_of_one_session_come_in_order(backend: Backend) -> None:
    talk = await Talk.begin(backend)
    texts = [f"pace 0.00{number % 3}; count {number % 5 + 1}; say #{number}" for number in range(12)]
    async with working(backend, Scripted()):
        for text in texts:
            await talk.send(text)
        await talk.outcome("m12")
    pairs = questions_and_answers(await talk.history())
    assert [question for question, _ in pairs] == texts
    assert [answer.split("#")[1] for _, answer in pairs] == [str(number) for number in range(12)]


async def test_many_sessions_at_once(backend: Backend) -> None:
    bot = Scripted()
    talks = [await Talk.begin(backend) for _ in range(40)]
    async with working(backend, bot):
        for talk in talks:
            await talk.send("wait door; count 30")
        await until(lambda: bot.waiting["door"] == 40)  # all of them run at the same time
        bot.open("door")
        replies = await asyncio.gather(*(talk.outcome("m1") for talk in talks))
    assert {reply.msg for reply in replies} == {"".join(f"{number} " for number in range(1, 31))}


@pytest.mark.settings(concurrency=3, partitions=8)
async def test_no_more_replies_than_slots_and_no_partition_starves(backend: Backend) -> None:
    running = most = 0

    async def bot(turn: Turn) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        return "done"

    talks = [await Talk.begin(backend) for _ in range(30)]
    async with working(backend, wrap(bot, "bot", 3)):
        for talk in talks:
            await talk.send("go")
        await asyncio.gather(*(talk.outcome("m1") for talk in talks))
    assert most == 3


@pytest.mark.settings(concurrency=4, partitions=4, lease=3 * 3600)
async def test_waiting_reads_give_way_when_slots_become_scarce(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three long replies in one partition; its fourth session must not wait for the end of idle reads."""
    monkeypatch.setattr(claimer, "LONGEST_WAIT", 3600.0)
    bot = Scripted()
    talks: list[Talk] = []
    while len(talks) < 4:
        talk = await Talk.begin(backend)
        if talk.keys.tag == backend.keys.tags[0]:
            talks.append(talk)
    async with working(backend, bot):
        for talk in talks[:3]:
            await talk.send("wait door")
        await until(lambda: bot.waiting["door"] == 3)
        assert (await talks[3].outcome(await talks[3].send("say hi"))).msg == "hi"
        bot.open("door")


async def test_parts_keep_their_place_and_are_stored(backend: Backend) -> None:
    parts: list[Piece] = [
        Reasoning("Hm"),
        Reasoning("m"),
        ToolCall("1", "add", {"a": [1, 2]}),
        ToolResult("1", 3),
        "It is ",
        Source("https://example.org", "Sums"),
        "three.",
        Data("mood", {"happy": True}),
    ]

    async def bot(turn: Turn) -> AsyncIterator[Piece]:
        for piece in parts:
            yield piece
            await asyncio.sleep(0.005)
        said.set()
        await asyncio.Event().wait()

    said = asyncio.Event()
    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "bot", 1)):
        message_id = await talk.send("go")
        await said.wait()
        await backend.queue.cancel(talk.session, message_id)
        reply = await talk.outcome(message_id)
    assert reply.msg == "It is three."
    assert reply.parts == [Reasoning("Hmm"), *(piece for piece in parts[2:] if not isinstance(piece, str))]


async def test_a_text_that_cannot_be_stored_is_cleaned_and_so_is_a_part(backend: Backend) -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    answers: dict[str, list[Piece]] = {
        "half": ["a\ud83d", "b"],
        "odd": ["c", Data("d", Odd())],
        "deep": ["e", Data("d", deep)],
        "nul": ["f\0\x1b\x7f\uffff"],
    }

    async def bot(turn: Turn) -> AsyncIterator[Piece]:
        for piece in answers[turn.text]:
            yield piece

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "bot", 1)):
        assert (await talk.ask("half")).msg == "a\ufffdb"
        assert (await talk.ask("odd")).parts == [Data("d", "odd")]
        reply = await talk.ask("deep")
        assert reply.status is Status.COMPLETED
        assert reply.msg == "e"
        assert reply.parts == [Data("d", str(deep))]
        assert (await talk.ask("nul")).msg == "f\0\x1b\x7f\uffff"


@pytest.mark.settings(reply_bytes=1000)
async def test_a_reply_that_is_too_long_is_stopped_with_what_it_has(backend: Backend) -> None:
    stopped = asyncio.Event()

    async def bot(turn: Turn) -> AsyncIterator[str]:
        try:
            while True:
                yield "0123456789"
        finally:
            stopped.set()

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "bot", 1)):
        reply = await talk.ask("go")
    assert reply.status is Status.FAILED
    assert reply.error is not None
    assert reply.error.code == "reply_too_long"
    assert reply.msg == "0123456789" * 100
    assert stopped.is_set()


async def test_a_bot_that_fails_costs_one_reply(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    talk = await Talk.begin(backend)
    async with working(backend, Scripted()):
        raised = await talk.ask("say Well; raise a secret detail")
        known = await talk.ask("fail try tomorrow")
        fine = await talk.ask("say fine")
    assert (raised.status, raised.msg, fine.msg) == (Status.FAILED, "Well", "fine")
    assert raised.error is not None
    assert known.error is not None
    assert "secret" not in raised.error.message
    assert (raised.error.code, known.error.code, known.error.message) == ("bot_error", "bot_error", "try tomorrow")
    first, second = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert raised.error.reference in first.getMessage()
    assert first.exc_info is not None
    assert "a secret detail" in first.getMessage()
    assert known.error.reference in second.getMessage()
    letters = await backend.queue.dead_letters()
    assert {letter.message_id for letter in letters} == {"m1", "m2"}


@pytest.mark.parametrize("error", [SystemExit(1), asyncio.CancelledError(), GeneratorExit(), StopIteration()])
async def test_the_worker_outlives_whatever_a_bot_raises(backend: Backend, error: BaseException) -> None:
    async def bot(turn: Turn) -> str:
        if turn.text == "raise":
            raise error
        return "fine"

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "bot", 1)):
        assert (await talk.ask("raise")).status is Status.FAILED
        assert (await talk.ask("go on")).msg == "fine"


async def test_a_bot_may_say_what_failed(backend: Backend) -> None:
    async def bot(turn: Turn) -> str:
        raise BotError("details", public="The moon is full.", code="full_moon")

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "bot", 1)):
        error = (await talk.ask("go")).error
    assert error is not None
    assert (error.code, error.message) == ("full_moon", "The moon is full.")


async def test_what_is_no_piece_fails_the_reply(backend: Backend) -> None:
    async def bot(turn: Turn) -> Any:
        yield "text"
        yield {"no": "piece"}

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "bot", 1)):
        reply = await talk.ask("go")
    assert (reply.status, reply.msg) == (Status.FAILED, "text")


async def test_an_empty_reply_is_completed_and_the_bot_is_named(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    async def bot(turn: Turn) -> AsyncIterator[Any]:
        yield ""
        yield None

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "my:bot", 1)):
        reply = await talk.ask("go")
    assert (reply.status, reply.msg) == (Status.COMPLETED, "")
    assert any("my:bot answered with nothing" in record.getMessage() for record in caplog.records)


async def test_an_answer_in_one_piece_is_one_entry(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that is there at once needs no delta: the outcome has it."""
    cuts: list[str] = []
    cut = Channel.cut

    def counted(channel: Channel) -> int:
        cuts.append(channel.text)
        return cut(channel)

    monkeypatch.setattr(Channel, "cut", counted)

    async def bot(turn: Turn) -> str:
        return "all of it"

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "bot", 1)):
        assert (await talk.ask("go")).msg == "all of it"
    assert cuts == []


async def test_a_bot_that_never_waits_lets_others_speak(backend: Backend) -> None:
    ended = False

    async def bot(turn: Turn) -> AsyncIterator[str]:
        if turn.text == "short":
            yield "hi"
            return
        while not ended:
            yield "x"

    eager, other = await Talk.begin(backend), await Talk.begin(backend)
    async with working(backend, wrap(bot, "bot", 1)):
        await eager.send("long")
        await eager.shows("xxx")
        assert (await other.ask("short")).msg == "hi"
        ended = True
        await eager.outcome("m1")


async def test_plain_generators_answer_from_threads(backend: Backend) -> None:
    def bot(turn: Turn) -> Any:
        for number in range(5):
            yield f"{number} "

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "bot", 1)):
        assert (await talk.ask("go")).msg == "0 1 2 3 4 "
