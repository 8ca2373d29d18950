"""Bots that ask, keep and rename while things go wrong around them, or that do not mind being stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.conftest import StartValkey
from tests.integration.worker.harness import Talk, until, working
from tests.integration.worker.test_outage import opened
from unbroken.backend import Backend
from unbroken.models.scripted import Scripted
from unbroken.models.wrap import wrap
from unbroken.turn import Turn
from unbroken.types import Piece, Question, Status
from unbroken.worker import reply as replies

pytestmark = pytest.mark.settings(partitions=2)


async def test_a_task_of_the_bot_asks(backend: Backend) -> None:
    """The reply ends, and so does everything of the bot, also what nobody waits for."""
    ended: list[str] = []

    async def ask(turn: Turn, question: str) -> str:
        try:
            return await turn.ask(question)
        finally:
            ended.append(question)

    async def bot(turn: Turn) -> AsyncIterator[Piece]:
        forgotten = asyncio.create_task(ask(turn, "Sure?"))
        yield "Hm."
        await asyncio.sleep(0.01)
        if not forgotten.done():
            await asyncio.Event().wait()
        yield "Good."

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "test:bot", 1)):
        asked = await talk.ask("do it")
        assert (asked.status, asked.msg, asked.parts) == (Status.COMPLETED, "Hm.\n\nSure?", [Question("Sure?")])
        await until(lambda: ended == ["Sure?"])
        assert (await talk.ask("yes")).msg.endswith("Good.")


async def test_what_is_said_behind_a_question_is_not_part_of_the_reply(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replies, "CLEANUP", 0.1)

    async def stubborn(turn: Turn) -> AsyncIterator[Piece]:
        try:
            yield await turn.ask("Sure?")
        except asyncio.CancelledError:
            yield "I go on"
            yield "anyway"

    async def busy(turn: Turn) -> AsyncIterator[Piece]:
        asking = asyncio.create_task(turn.ask("Sure?"))
        while not asking.done():
            yield "."
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                yield "I go on"

    for bot in (stubborn, busy):
        talk = await Talk.begin(backend)
        async with working(backend, wrap(bot, "test:bot", 1)):
            asked = await talk.ask("do it")
        assert asked.status is Status.COMPLETED
        assert asked.msg.endswith("Sure?")


@pytest.mark.settings(reply_bytes=100)
async def test_a_question_that_makes_the_reply_too_long_fails_it(backend: Backend) -> None:
    async def bot(turn: Turn) -> AsyncIterator[Piece]:
        yield "x" * 90
        yield await turn.ask("May I say something more?")

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "test:bot", 1)):
        reply = await talk.ask("do it")
        assert reply.status is Status.FAILED
        assert reply.error is not None
        assert reply.error.code == "reply_too_long"
        assert "open" not in await backend.store.state(talk.session)


@pytest.mark.settings(reply_bytes=100)
async def test_answers_are_bounded_with_all_that_a_bot_keeps(backend: Backend) -> None:
    async def bot(turn: Turn) -> AsyncIterator[Piece]:
        for _ in range(9):
            await turn.ask("More?")
        yield "never"

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "test:bot", 1)):
        await talk.ask("do it")
        await talk.ask("x" * 70)
        reply = await talk.ask("x" * 70)
    assert reply.error is not None
    assert reply.error.code == "journal_too_large"


async def test_a_checkpoint_waits_for_redis(private_valkey: StartValkey) -> None:
    """It holds the bot up while nothing can be kept, and keeps what was said meanwhile."""
    first, second = Scripted(), Scripted()
    async with opened(private_valkey()) as backend:
        talk = await Talk.begin(backend)
        command = backend.redis.router.command
        async with working(backend, first):
            await talk.send("say a; wait full; say b; keep here; wait kept; say lost; hang")
            await talk.shows("a")
            await command(talk.keys.tag, "CONFIG", "SET", "maxmemory", 1)
            first.open("full")
            await asyncio.sleep(0.2)
            assert not first.waiting["kept"]
            await command(talk.keys.tag, "CONFIG", "SET", "maxmemory", 0)
            await until(lambda: first.waiting["kept"])
            assert (await talk.shown())[0] == "ab"
        async with working(backend, second):
            await until(lambda: second.turns)
            assert (second.turns[0].saved, second.turns[0].partial) == ("here", "ab")


async def test_a_checkpoint_of_a_lost_lease_ends_the_bot(backend: Backend) -> None:
    talk = await Talk.begin(backend)
    bot = Scripted()
    async with working(backend, bot) as worker:
        await talk.send("say a; wait door; keep here; wait never")
        await talk.shows("a")
        [entry] = [
            row[0].decode()
            for row in await backend.redis.router.command(talk.keys.tag, "XRANGE", talk.keys.ready, "-", "+")
        ]
        taken = await backend.queue.take(talk.session, entry, "other", attempts=9, continuing="", context=1)
        assert taken is not None
        bot.open("door")
        await until(lambda: not worker._replies)
    assert not bot.waiting["never"]
    assert "kept" not in await backend.store.state(talk.session)


async def test_a_session_is_renamed_while_it_is_answered(backend: Backend) -> None:
    talk = await Talk.begin(backend)
    bot = Scripted()
    async with working(backend, bot):
        await talk.send("say a; title About logs; say b; wait door")
        await talk.shows("b")
        assert (await backend.store.read(talk.session)).name == "About logs"
        bot.open("door")
        assert (await talk.outcome("m1")).msg == "ab"
