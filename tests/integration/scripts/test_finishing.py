"""finish, renew, release and cancel: what an attempt may do, and who may do it."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import StartValkey, make_settings
from tests.integration.scripts.desk import Desk
from tests.integration.scripts.test_taking import delta
from unbroken.backend import Backend
from unbroken.cursor import StreamId
from unbroken.errors import Unavailable
from unbroken.keys import GROUP
from unbroken.log import Kind
from unbroken.protocol import ReplyCompleted, decode_event
from unbroken.scripts import Code, Finished
from unbroken.types import Message, Role, Status


async def test_finish_commits_once(desk: Desk) -> None:
    await desk.accept("m1")
    taken = await desk.take("n1")
    await desk.chunk(delta(taken.epoch, 1, "hi"))
    finished = await desk.finish(taken.epoch, 2, "hi!")
    [end] = await desk.log()
    assert (end.kind, end.id, end.prev, end.turn) == (Kind.END, (taken.epoch, 2), (taken.epoch, 1), taken.turn)
    reply = (await desk.history())[-1]
    assert finished == Finished(Code.OK, StreamId(taken.epoch, 2), timestamp=reply.timestamp)
    assert decode_event(end.frame) == ReplyCompleted(reply)
    assert reply == Message(
        id="m1.reply",
        msg="hi!",
        role=Role.ASSISTANT,
        timestamp=reply.timestamp,
        turn=1,
        reply_to="m1",
        status=Status.COMPLETED,
    )
    assert await desk.ready() == []
    facts = await desk.facts()
    assert (await desk.finish(taken.epoch, 2, "hi!")).code is Code.ALREADY
    assert await desk.facts() == facts


async def test_finish_queues_the_session_again_behind_the_others(desk: Desk) -> None:
    await desk.accept("m1")
    await desk.accept("m2")
    await desk.read()
    first = await desk.entry()
    taken = await desk.take("n1")
    await desk.finish(taken.epoch, entry=first)
    second = await desk.entry()
    assert StreamId.parse(second) > StreamId.parse(first)
    assert await desk.ready() == [(second, "s")]
    assert await desk.pending() == []
    await desk.take("n2")
    assert (await desk.finish(taken.epoch)).code is Code.ALREADY


async def test_finish_of_a_stale_attempt_changes_nothing(desk: Desk) -> None:
    await desk.accept("m1")
    first = await desk.take("n1")
    second = await desk.take("n2")
    facts = await desk.facts()
    assert (await desk.finish(first.epoch)).code is Code.FENCED
    assert (await desk.finish(second.epoch + 1)).code is Code.FENCED
    assert await desk.facts() == facts
    await desk.finish(second.epoch)
    await desk.answer("m2")
    assert (await desk.finish(first.epoch)).code is Code.FENCED


async def test_finish_behind_a_newer_log_takes_a_new_epoch(desk: Desk) -> None:
    """Nobody writes there, but should it ever happen, the outcome counts more than its id."""
    await desk.accept("m1")
    taken = await desk.take("n1")
    await desk.chunk(delta(taken.epoch, 7, "from where?"))
    done = await desk.finish(taken.epoch, 3, "hi")
    assert done.code is Code.OK
    assert done.id is not None
    assert done.id.first > taken.epoch
    assert done.id.second == 0
    [end] = await desk.log()
    assert (end.id, end.prev) == (done.id, (taken.epoch, 7))
    assert (await desk.finish(taken.epoch, 3, "hi")).code is Code.ALREADY
    await desk.accept("m2")
    assert (await desk.take("n2")).epoch > done.id.first


@pytest.mark.parametrize(
    "members",
    [
        b'"msg":"half a character: \xed\xa0\x80","status":"completed"',
        b'"msg":"\\ud800","status":"completed"',
        b'"msg":"\xff","status":"completed"',
        b'"msg":"","status":"completed","parts":' + b"[" * 200 + b"]" * 200,
        b'"msg":"","status":"completed","parts":[NaN]',
        b'"msg":"","status":"completed","parts":[1e999]',
        b'"msg":"cut off',
    ],
)
async def test_finish_refuses_what_cannot_be_stored(desk: Desk, members: bytes) -> None:
    await desk.accept("m1")
    taken = await desk.take("n1")
    facts = await desk.facts()
    refused = await desk.finish_bytes(taken.epoch, 1, members)
    assert refused.code is Code.BAD
    assert refused.reason
    assert await desk.facts() == facts
    assert (await desk.finish(taken.epoch, 1, "clean")).code is Code.OK


async def test_finish_of_a_session_that_is_gone_drops_its_entry(desk: Desk) -> None:
    await desk.accept("m1")
    await desk.read()
    taken = await desk.take("n1")
    entry = await desk.entry()
    await desk.expire()
    assert await desk.chunk(delta(taken.epoch, 1, "for nobody")) is None
    assert (await desk.finish(taken.epoch, entry=entry)).code is Code.GONE
    assert (await desk.ready(), await desk.pending(), await desk.ends()) == ([], [], set())


async def test_a_failed_reply_leaves_a_dead_letter(desk: Desk) -> None:
    await desk.accept("m1")
    await desk.take("n1")
    taken = await desk.take("n2")
    await desk.finish(taken.epoch, status=Status.FAILED)
    [letter] = await desk.backend.queue.dead_letters()
    assert (letter.session, letter.message_id, letter.turn) == ("s", "m1", str(taken.turn))
    assert (letter.attempts, letter.error) == (2, "because")


async def test_renew_keeps_the_lease(desk: Desk) -> None:
    await desk.accept("m1")
    await desk.read("first")
    taken = await desk.take("n1")
    entry = await desk.entry()
    await asyncio.sleep(0.05)
    renewed = await desk.renew(taken.epoch, "second")
    assert (renewed.code, renewed.cancelled) == (Code.OK, False)
    assert await desk.pending() == [(entry, "second")]
    stolen = await desk.redis("XAUTOCLAIM", desk.keys.ready, GROUP, "thief", 40, "0")
    assert stolen[1] == []


async def test_renew_works_without_a_consumer_group(desk: Desk) -> None:
    await desk.accept("m1")
    taken = await desk.take("n1")
    assert (await desk.renew(taken.epoch)).code is Code.OK


async def test_renew_tells_of_a_cancel(desk: Desk) -> None:
    await desk.accept("m1")
    taken = await desk.take("n1")
    assert await desk.cancel("m1") is Code.RUNNING
    assert (await desk.renew(taken.epoch)).cancelled
    await desk.finish(taken.epoch, status=Status.CANCELLED)
    await desk.accept("m2")
    assert not (await desk.renew((await desk.take("n2")).epoch)).cancelled


async def test_lost_leases(desk: Desk) -> None:
    assert (await desk.renew(1)).code is Code.LOST
    assert await desk.release(1) is Code.LOST
    await desk.accept("m1")
    taken = await desk.take("n1")
    await desk.finish(taken.epoch)
    facts = await desk.facts()
    assert (await desk.renew(taken.epoch)).code is Code.LOST
    assert await desk.release(taken.epoch) is Code.LOST
    assert await desk.facts() == facts
    await desk.expire()
    assert (await desk.renew(taken.epoch)).code is Code.LOST
    assert await desk.release(taken.epoch) is Code.LOST
    assert await desk.ends() == set()


@pytest.mark.parametrize(("counts", "attempt"), [(False, 1), (True, 2)])
async def test_release_hands_the_attempt_back(desk: Desk, counts: bool, attempt: int) -> None:
    await desk.accept("m1")
    await desk.read()
    taken = await desk.take("n1")
    await desk.chunk(delta(taken.epoch, 1, "so far"))
    first = await desk.entry()
    assert await desk.release(taken.epoch, counts=counts) is Code.OK
    second = await desk.entry()
    assert second != first
    assert (await desk.ready(), await desk.pending()) == ([(second, "s")], [])
    assert await desk.release(taken.epoch, counts=counts) is Code.LOST
    assert (await desk.finish(taken.epoch, 2)).code is Code.FENCED
    again = await desk.take("n2")
    assert (again.attempt, again.partial) == (attempt, "so far")


async def test_cancel_of_every_kind(desk: Desk) -> None:
    assert await desk.cancel("m1") is Code.UNKNOWN
    await desk.accept("m1")
    await desk.accept("m2")
    assert await desk.cancel("m2") is Code.QUEUED
    taken = await desk.take("n1")
    assert await desk.cancel("m1") is Code.RUNNING
    assert await desk.cancel("m1") is Code.RUNNING
    await desk.release(taken.epoch)
    assert await desk.cancel("m1") is Code.QUEUED
    assert (await desk.take("n2")).code is Code.EMPTY
    facts = await desk.facts()
    assert await desk.cancel("m1") is Code.DONE
    assert await desk.facts() == facts
    await desk.expire()
    assert await desk.cancel("m1") is Code.GONE
    assert await desk.ends() == set()


async def test_a_cancel_survives_the_worker(desk: Desk) -> None:
    await desk.accept("m1")
    taken = await desk.take("n1")
    await desk.chunk(delta(taken.epoch, 1, "so far"))
    await desk.cancel("m1")
    assert (await desk.take("n2")).code is Code.EMPTY
    reply = (await desk.history())[-1]
    assert (reply.status, reply.msg) == (Status.CANCELLED, "so far")
    assert await desk.redis("HGET", desk.keys.state, "c:1") is None


async def test_a_finish_under_way_wins_over_a_cancel(desk: Desk) -> None:
    await desk.accept("m1")
    taken = await desk.take("n1")
    await desk.cancel("m1")
    assert (await desk.finish(taken.epoch, text="hi")).code is Code.OK
    assert (await desk.history())[-1].status is Status.COMPLETED
    assert await desk.redis("HGET", desk.keys.state, "c:1") is None


async def test_without_memory_nothing_is_accepted_and_what_runs_is_committed(
    private_valkey: StartValkey, prefix: str
) -> None:
    server = private_valkey()
    backend = await Backend.open(make_settings(server.address, prefix=prefix))
    try:
        desk = await Desk.open(backend, "s")
        await desk.accept("m1")
        taken = await desk.take("n1")
        entry = await desk.entry()
        await desk.redis("CONFIG", "SET", "maxmemory", 1)
        facts = await desk.facts()
        with pytest.raises(Unavailable):
            await desk.accept("m2")
        with pytest.raises(Unavailable):
            await desk.take("n2", entry=entry)
        assert await desk.facts() == facts
        assert (await desk.resume(None)).code is Code.SNAP
        assert (await desk.renew(taken.epoch)).code is Code.OK
        assert await desk.cancel("m1") is Code.RUNNING
        assert await desk.touch() is Code.OK
        assert (await desk.finish(taken.epoch, text="all of it")).code is Code.OK
        assert (await desk.history())[-1].msg == "all of it"
    finally:
        await backend.close()
