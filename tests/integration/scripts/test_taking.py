"""take: attempts, partial texts, contexts, and what is passed over."""

from __future__ import annotations

import pytest

from tests.integration.scripts.desk import Desk
from unbroken.backend import Backend
from unbroken.cursor import StreamId
from unbroken.log import Entry, Kind
from unbroken.protocol import MessageAccepted, ReplyDelta, ReplyPart, ReplyStarted, decode_event, encode
from unbroken.scripts import Code, Taken
from unbroken.types import Reasoning, Role, Status


def delta(epoch: int, seq: int, text: str) -> Entry:
    return Entry(Kind.DELTA, StreamId(epoch, seq), encode(ReplyDelta(1, text)))


async def test_take_starts_the_first_attempt(desk: Desk) -> None:
    accepted = await desk.accept("m1", "hello")
    taken = await desk.take("n1")
    assert (taken.code, taken.turn, taken.attempt, taken.partial) == (Code.OK, accepted.turn, 1, "")
    event = decode_event(taken.message)
    assert isinstance(event, MessageAccepted)
    assert (event.message.id, event.message.msg) == ("m1", "hello")
    [started] = await desk.log()
    assert (started.kind, started.id, started.prev) == (Kind.STARTED, (taken.epoch, 0), (0, 0))
    assert started.turn == accepted.turn
    assert decode_event(started.frame) == ReplyStarted(1, "m1", 1, "")


async def test_an_epoch_is_at_least_the_time(desk: Desk) -> None:
    accepted = await desk.accept("m1")
    assert accepted.turn is not None
    assert accepted.turn.second < (await desk.take("n1")).epoch < accepted.turn.second + 60_000_000


async def test_take_with_the_same_nonce_answers_the_same(desk: Desk) -> None:
    await desk.accept("m1")
    first = await desk.take("n1")
    await desk.chunk(delta(first.epoch, 1, "said meanwhile"))
    facts = await desk.facts()
    assert await desk.take("n1") == first
    assert await desk.facts() == facts


async def test_take_with_the_same_nonce_answers_the_same_of_a_later_attempt(desk: Desk) -> None:
    await desk.accept("m1")
    first = await desk.take("n1")
    await desk.chunk(delta(first.epoch, 1, "so far"))
    second = await desk.take("n2")
    assert (second.attempt, second.partial) == (2, "so far")
    assert await desk.take("n2") == second


async def test_the_next_attempt_continues_what_all_before_it_showed(desk: Desk) -> None:
    await desk.accept("m1")
    first = await desk.take("n1")
    await desk.chunk(delta(first.epoch, 1, 'one "two"\n'))
    await desk.chunk(Entry(Kind.PART, StreamId(first.epoch, 2), encode(ReplyPart(1, Reasoning("not text")))))
    await desk.chunk(delta(first.epoch, 3, "three \x00 😀"))
    second = await desk.take("n2")
    await desk.chunk(delta(second.epoch, 1, " four"))
    third = await desk.take("n3")
    assert (third.attempt, third.partial) == (3, 'one "two"\nthree \x00 😀 four')


async def test_a_bot_that_does_not_continue_starts_anew(desk: Desk) -> None:
    await desk.accept("m1")
    first = await desk.take("n1")
    await desk.chunk(delta(first.epoch, 1, "lost"))
    second = await desk.take("n2", continues=False)
    assert (second.attempt, second.partial) == (2, "")
    assert decode_event((await desk.log())[-1].frame) == ReplyStarted(1, "m1", 2, "")


async def test_a_take_fences_the_attempt_before_it(desk: Desk) -> None:
    await desk.accept("m1")
    first = await desk.take("n1")
    second = await desk.take("n2")
    assert second.epoch > first.epoch
    refused = await desk.chunk(delta(first.epoch, 1, "too late"))
    assert "equal or smaller" in str(refused)
    assert (await desk.finish(first.epoch)).code is Code.FENCED
    assert (await desk.renew(first.epoch)).code is Code.LOST
    assert await desk.release(first.epoch) is Code.LOST


async def test_attempts_run_out(desk: Desk) -> None:
    await desk.accept("m1")
    await desk.accept("m2")
    await desk.take("n1", attempts=2)
    second = await desk.take("n2", attempts=2)
    await desk.chunk(delta(second.epoch, 1, "so far"))
    third = await desk.take("n3", attempts=2)
    assert third.turn is not None
    assert (third.turn.first, third.attempt) == (2, 1)
    failed = (await desk.history())[-1]
    assert (failed.id, failed.msg, failed.status) == ("m1.reply", "so far", Status.FAILED)
    assert failed.error is not None
    assert failed.error.code == "attempts_exhausted"
    [letter] = await desk.backend.queue.dead_letters()
    assert (letter.session, letter.message_id, letter.attempts, letter.error) == ("s", "m1", 2, "attempts_exhausted")


async def test_cancelled_turns_are_passed_over_in_order(desk: Desk) -> None:
    for number in range(1, 5):
        await desk.accept(f"m{number}")
    for number in (1, 3):
        assert await desk.cancel(f"m{number}") is Code.QUEUED
    taken = await desk.take("n1")
    assert taken.turn is not None
    assert taken.turn.first == 2
    await desk.finish(taken.epoch)
    taken = await desk.take("n2")
    assert taken.turn is not None
    assert taken.turn.first == 4
    replies = [(m.turn, m.status) for m in await desk.history() if m.role is Role.ASSISTANT]
    assert replies == [(1, Status.CANCELLED), (2, Status.COMPLETED), (3, Status.CANCELLED)]


async def test_take_finds_nothing_left(desk: Desk) -> None:
    await desk.accept("m1")
    await desk.cancel("m1")
    entry = await desk.entry()
    assert await desk.take("n1") == Taken(Code.EMPTY)
    assert await desk.ready() == []
    assert (await desk.history())[-1].status is Status.CANCELLED
    assert await desk.take("n1", entry=entry) == Taken(Code.STALE)
    await desk.accept("m2")
    assert len(await desk.ready()) == 1


async def test_take_of_a_session_that_is_gone_drops_its_entry(desk: Desk) -> None:
    await desk.accept("m1")
    await desk.read()
    entry = await desk.entry()
    await desk.expire()
    assert await desk.take("n1", entry=entry) == Taken(Code.GONE)
    assert (await desk.ready(), await desk.pending(), await desk.ends()) == ([], [], set())


async def test_take_drops_an_entry_that_is_not_the_session_s(desk: Desk, backend: Backend) -> None:
    await desk.accept("m1")
    stray = (await desk.redis("XADD", desk.keys.ready, "*", "s", "s")).decode()
    entry = await desk.entry()
    assert await desk.take("n1", entry=stray) == Taken(Code.STALE)
    assert await desk.ready() == [(entry, "s")]


@pytest.mark.settings(partitions=1)
async def test_take_never_drops_the_entry_of_another_session(desk: Desk, backend: Backend) -> None:
    other = await Desk.open(backend, "other")
    await other.accept("m1")
    entry = await other.entry()
    assert await desk.take("n1", entry=entry) == Taken(Code.STALE)
    assert (await desk.finish(1, entry=entry)).code is Code.FENCED
    await desk.expire()
    assert await desk.take("n1", entry=entry) == Taken(Code.GONE)
    assert (await desk.finish(1, entry=entry)).code is Code.GONE
    assert await desk.ready() == [(entry, "other")]


@pytest.mark.settings(inbox_limit=6)
async def test_the_context_ends_with_the_message_whatever_was_stored_behind_it(desk: Desk, backend: Backend) -> None:
    """Replies are stored when they are committed: behind messages that were accepted after theirs."""
    for number in range(1, 7):
        await desk.accept(f"m{number}", f"question {number}")
    for number in range(1, 7):
        claim = await backend.queue.take("s", await desk.entry(), f"n{number}", attempts=3, continuing=",,", context=3)
        assert claim is not None
        told = [message.id for message in claim.context]
        before = [f"m{number - 2}.reply", f"m{number - 1}", f"m{number - 1}.reply"]
        assert told == [*(before if number > 2 else before[1:] if number > 1 else []), f"m{number}"]
        assert claim.message == claim.context[-1]
        await desk.finish(claim.epoch, text=f"answer {number}")


async def test_no_context_but_the_message(desk: Desk, backend: Backend) -> None:
    await desk.answer("m1")
    await desk.accept("m2")
    claim = await backend.queue.take("s", await desk.entry(), "n", attempts=3, continuing=",,", context=0)
    assert claim is not None
    assert [message.id for message in claim.context] == ["m2"]
