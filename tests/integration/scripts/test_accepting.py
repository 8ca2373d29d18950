"""create, accept and touch."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from tests.integration.scripts.desk import Desk
from unbroken.backend import Backend
from unbroken.errors import MessageRefused
from unbroken.scripts import Accepted, Code
from unbroken.types import Message, Role


async def test_create_makes_an_empty_session(backend: Backend) -> None:
    desk = Desk(backend, "new")
    before = datetime.now(UTC)
    start = await backend.scripts.create(desk.keys, "new", 'Ada "the first"', "abc")
    assert start is not None
    assert abs((datetime.fromisoformat(start) - before).total_seconds()) < 5
    session = await backend.store.read("new")
    assert (session.id, session.name, session.session_start, session.messages) == ("new", 'Ada "the first"', start, [])


async def test_create_twice_is_create_once(backend: Backend) -> None:
    desk = Desk(backend, "new")
    start = await backend.scripts.create(desk.keys, "new", "Ada", "abc")
    facts = await desk.facts()
    assert await backend.scripts.create(desk.keys, "new", "Ada", "abc") == start
    assert await backend.scripts.create(desk.keys, "new", "Eve", "another digest") is None
    assert await desk.facts() == facts


async def test_no_message_has_an_id_that_a_reply_could_have(desk: Desk, backend: Backend) -> None:
    for message_id in (".reply", "m1.reply", "m1.reply.reply"):
        with pytest.raises(MessageRefused, match="does not end in"):
            await backend.queue.accept("s", message_id, "hello")
    assert (await backend.queue.accept("s", "m1.reply.", "hello")).turn.first == 1


async def test_accept_gives_the_next_turn_and_the_time(desk: Desk) -> None:
    before = time.time_ns() // 1000
    first, second = await desk.accept("m1", "one"), await desk.accept("m2", "two")
    assert (first.code, second.code) == (Code.OK, Code.OK)
    assert first.turn is not None
    assert second.turn is not None
    assert (first.turn.first, second.turn.first) == (1, 2)
    assert before - 1_000_000 < first.turn.second <= second.turn.second < time.time_ns() // 1000 + 1_000_000
    moment = datetime.fromtimestamp(first.turn.second // 1000 / 1000, UTC)
    stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert (await desk.history())[0] == Message(id="m1", msg="one", role=Role.USER, timestamp=stamp, turn=1)


async def test_accept_counts_a_message_once(desk: Desk) -> None:
    first = await desk.accept("m1", "one")
    facts = await desk.facts()
    assert await desk.accept("m1", "something else") == Accepted(Code.DUP, first.turn)
    assert await desk.facts() == facts


async def test_accept_knows_a_message_that_was_answered_long_ago(desk: Desk) -> None:
    await desk.answer("m1")
    await desk.answer("m2")
    again = await desk.accept("m1")
    assert again.code is Code.DUP
    assert again.turn is not None
    assert again.turn.first == 1


async def test_accept_refuses_when_the_inbox_is_full(desk: Desk) -> None:
    await desk.accept("m1", inbox=2)
    await desk.accept("m2", inbox=2)
    facts = await desk.facts()
    assert await desk.accept("m3", inbox=2) == Accepted(Code.BUSY)
    assert await desk.facts() == facts
    assert (await desk.accept("m2", inbox=2)).code is Code.DUP  # what is known is never refused


async def test_accept_refuses_when_the_session_is_full(desk: Desk) -> None:
    await desk.answer("m1")
    assert (await desk.accept("m2", turns=2)).code is Code.OK
    facts = await desk.facts()
    assert await desk.accept("m3", turns=2) == Accepted(Code.FULL)
    assert await desk.facts() == facts


async def test_accept_finds_no_session(desk: Desk) -> None:
    await desk.expire()
    assert await desk.accept("m1") == Accepted(Code.GONE)
    assert await desk.ends() == set()


@pytest.mark.parametrize(
    ("message_id", "text"),
    [
        (b"m1", b"half a character: \xed\xa0\x80"),
        (b"m1", b"\xff\xfe"),
        (b"m1", b"cut off: \xf0\x9f\x98"),
        (b"m\xed\xa0\x80", b"hello"),
    ],
)
async def test_accept_refuses_what_is_not_text(desk: Desk, message_id: bytes, text: bytes) -> None:
    await desk.accept("m0")
    facts = await desk.facts()
    code, reason = await desk.accept_bytes(message_id, text)
    assert code == b"BAD"
    assert reason
    assert await desk.facts() == facts


async def test_a_session_with_work_has_one_ready_entry(desk: Desk) -> None:
    await desk.accept("m1")
    await desk.accept("m2")
    assert await desk.ready() == [(await desk.entry(), "s")]


async def test_accept_heals_a_ready_entry_that_somebody_deleted(desk: Desk) -> None:
    await desk.accept("m1")
    await desk.redis("DEL", desk.keys.ready)
    await desk.accept("m2")
    assert await desk.ready() == [(await desk.entry(), "s")]


async def test_touch(desk: Desk) -> None:
    facts = await desk.facts()
    assert await desk.touch() is Code.OK
    assert await desk.facts() == facts
    await desk.expire()
    assert await desk.touch() is Code.GONE
    assert await desk.ends() == set()
