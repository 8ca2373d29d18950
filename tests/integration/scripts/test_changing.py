"""edit, withdraw, send_now, feedback, rename and delete: changes of what was accepted or committed before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.integration.scripts.desk import Desk
from unbroken.backend import Backend
from unbroken.cursor import START
from unbroken.protocol import MessageAccepted, decode_event
from unbroken.scripts import Code
from unbroken.types import Role, Status

Change = Callable[[Desk, str], Awaitable[Code]]
WAITING: dict[str, Change] = {
    "edit": lambda desk, message: desk.scripts.edit(desk.keys, "s", message, "another text"),
    "withdraw": lambda desk, message: desk.scripts.withdraw(desk.keys, "s", message),
    "send_now": lambda desk, message: desk.scripts.send_now(desk.keys, "s", message),
}
CHANGES: dict[str, Change] = {
    **WAITING,
    "feedback": lambda desk, message: desk.scripts.feedback(desk.keys, "s", message, "up"),
    "rename": lambda desk, message: desk.scripts.rename(desk.keys, "s", "Bob"),
    "delete": lambda desk, message: desk.scripts.delete(desk.keys, "s"),
}


async def questions(desk: Desk) -> list[tuple[int, str, str]]:
    """What people asked, in the order of turns: turn, id and text."""
    return sorted((m.turn, m.id, m.msg) for m in await desk.history() if m.role is Role.USER)


@pytest.mark.parametrize("name", CHANGES)
async def test_without_a_session_there_is_nothing_to_change(desk: Desk, name: str) -> None:
    await desk.accept("m1")
    await desk.expire()
    assert await CHANGES[name](desk, "m1") is Code.GONE
    assert await desk.ends() == set()


@pytest.mark.parametrize("name", [*WAITING, "feedback"])
async def test_nobody_sent_that(desk: Desk, name: str) -> None:
    facts = await desk.facts()
    assert await CHANGES[name](desk, "m1") is Code.UNKNOWN
    assert await desk.facts() == facts


@pytest.mark.parametrize("name", WAITING)
@pytest.mark.parametrize("stage", ["running", "released", "answered", "cancelled"])
async def test_it_is_too_late(desk: Desk, name: str, stage: str) -> None:
    await desk.accept("m1")
    if stage == "cancelled":
        await desk.cancel("m1")
    else:
        taken = await desk.take("n1")
        if stage == "released":
            await desk.release(taken.epoch)
        elif stage == "answered":
            await desk.finish(taken.epoch)
    facts = await desk.facts()
    assert await CHANGES[name](desk, "m1") is Code.LATE
    assert await desk.facts() == facts


async def test_feedback_needs_a_reply(desk: Desk) -> None:
    await desk.accept("m1")
    assert await CHANGES["feedback"](desk, "m1") is Code.LATE
    taken = await desk.take("n1")
    assert await CHANGES["feedback"](desk, "m1") is Code.LATE
    await desk.finish(taken.epoch)
    for value in ("up", "up", "down", ""):
        assert await desk.scripts.feedback(desk.keys, "s", "m1", value) is Code.OK
        assert (await desk.history())[-1].feedback == (value or None)


@pytest.fixture
def same_call(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the following changes copies of one call, as the router repeats it or the network delays it."""

    def choose(call: str) -> None:
        monkeypatch.setattr("secrets.token_hex", lambda size: call * size * 2)

    return choose


@pytest.mark.parametrize("name", [*WAITING, "feedback", "rename"])
@pytest.mark.parametrize("started", [False, True])
async def test_sent_twice_it_is_done_once(
    desk: Desk, name: str, started: bool, same_call: Callable[[str], None]
) -> None:
    """The router repeats a call whose reply was lost: the second answer is the one that people get."""
    await desk.answer("m0")
    message = "m0" if name == "feedback" else "m3"
    for number in range(1, 4):
        await desk.accept(f"m{number}")
    same_call("a")
    assert await CHANGES[name](desk, message) is Code.OK
    if started:
        for number in range(3):
            taken = await desk.take(f"n{number}")
            if taken.code is Code.OK and number < 2:
                await desk.finish(taken.epoch)
    facts = await desk.facts()
    assert await CHANGES[name](desk, message) is Code.OK
    assert await desk.facts() == facts


@pytest.mark.parametrize("name", ["edit", "feedback", "rename"])
async def test_a_copy_that_arrives_late_undoes_no_newer_change(
    desk: Desk, name: str, same_call: Callable[[str], None]
) -> None:
    await desk.answer("m1")
    await desk.accept("m2")
    message = "m1" if name == "feedback" else "m2"
    same_call("a")
    assert await CHANGES[name](desk, message) is Code.OK
    for call in "bcdef":
        same_call(call)
        assert await desk.scripts.edit(desk.keys, "s", "m2", f"text {call}") is Code.OK
        assert await desk.scripts.feedback(desk.keys, "s", "m1", "down") is Code.OK
        assert await desk.scripts.rename(desk.keys, "s", f"Bob {call}") is Code.OK
        facts = await desk.facts()
        same_call("a")
        assert await CHANGES[name](desk, message) is Code.OK
        assert await desk.facts() == facts


async def test_a_late_copy_of_send_now_stops_no_newer_reply(desk: Desk, same_call: Callable[[str], None]) -> None:
    for number in range(1, 4):
        await desk.accept(f"m{number}")
    first = await desk.take("n1")
    same_call("a")
    assert await WAITING["send_now"](desk, "m2") is Code.OK
    same_call("b")
    assert await WAITING["send_now"](desk, "m3") is Code.OK
    await desk.finish(first.epoch, status=Status.CANCELLED)
    second = await desk.take("n2")
    facts = await desk.facts()
    same_call("a")
    assert await WAITING["send_now"](desk, "m2") is Code.OK
    assert await desk.facts() == facts
    assert not (await desk.renew(second.epoch)).cancelled
    same_call("c")
    assert await WAITING["send_now"](desk, "m2") is Code.OK
    assert (await desk.renew(second.epoch)).cancelled, "asked for again it is another call"


async def test_only_the_newest_calls_are_remembered(desk: Desk) -> None:
    for number in range(40):
        assert await desk.scripts.rename(desk.keys, "s", f"name {number}") is Code.OK
    assert len(await desk.redis("HGET", desk.keys.state, "calls")) == 16 * 17


async def test_a_withdrawal_stays_done_when_its_outcome_is_committed(desk: Desk) -> None:
    await desk.accept("m1")
    assert await WAITING["withdraw"](desk, "m1") is Code.OK
    assert (await desk.take("n1")).code is Code.EMPTY
    question, reply = await desk.history()
    assert question.withdrawn
    assert reply.status is Status.CANCELLED
    assert await WAITING["withdraw"](desk, "m1") is Code.OK


@pytest.mark.parametrize("text", ['"\\\n\x00 漢😀', "</script>", "x" * 65_536])
async def test_a_worker_is_given_the_edited_text(desk: Desk, text: str) -> None:
    await desk.accept("m1", "before")
    assert await desk.scripts.edit(desk.keys, "s", "m1", text) is Code.OK
    assert await questions(desk) == [(1, "m1", text)]
    taken = await desk.take("n1")
    event = decode_event(taken.message)
    assert isinstance(event, MessageAccepted)
    assert [event.message] == await desk.history()
    assert await desk.take("n1") == taken


async def test_send_now_moves_one_and_keeps_the_order_of_the_others(desk: Desk, backend: Backend) -> None:
    for number in range(1, 6):
        await desk.accept(f"m{number}", f"text {number}")
    taken = await desk.take("n1")
    await desk.cancel("m3")
    assert await WAITING["send_now"](desk, "m5") is Code.OK
    assert [(turn, id_) for turn, id_, _ in await questions(desk)] == [
        (1, "m1"),
        (2, "m5"),
        (3, "m3"),
        (4, "m2"),
        (5, "m4"),
    ]
    assert (await desk.renew(taken.epoch)).cancelled
    await desk.finish(taken.epoch, status=Status.CANCELLED)
    claim = await backend.queue.take("s", await desk.entry(), "n2", attempts=3, continuing=",,", context=9)
    assert claim is not None
    assert (claim.turn.first, claim.message.id, claim.message.msg) == (2, "m5", "text 5")
    assert [message.id for message in claim.context] == ["m1", "m1.reply", "m5"]
    assert (await desk.accept("m2")).code is Code.DUP


async def test_a_bot_is_not_told_what_was_replaced_or_withdrawn(desk: Desk, backend: Backend) -> None:
    for number in range(1, 4):
        await desk.answer(f"m{number}")
    await desk.accept("m4")
    await desk.accept("m5")
    await WAITING["withdraw"](desk, "m4")
    await backend.queue.accept("s", "m6", "instead of m2", replaces="m2")
    told = []
    for nonce in ("n5", "n6"):
        claim = await backend.queue.take("s", await desk.entry(), nonce, attempts=3, continuing=",,", context=9)
        assert claim is not None
        told.append([message.id for message in claim.context])
        await desk.finish(claim.epoch)
    assert told == [
        ["m1", "m1.reply", "m2", "m2.reply", "m3", "m3.reply", "m5"],
        ["m1", "m1.reply", "m3", "m3.reply", "m5", "m5.reply", "m6"],
    ]


async def test_a_withdrawn_replacement_gives_back_what_it_replaced(desk: Desk, backend: Backend) -> None:
    await desk.answer("m1")
    await backend.queue.accept("s", "m2", "instead of m1", replaces="m1")
    await WAITING["withdraw"](desk, "m2")
    await desk.accept("m3")
    claim = await backend.queue.take("s", await desk.entry(), "n3", attempts=3, continuing=",,", context=9)
    assert claim is not None
    assert [message.id for message in claim.context] == ["m1", "m1.reply", "m3"]


async def test_a_bot_is_asked_what_was_replaced_by_a_message_that_was_moved_before_it(
    desk: Desk, backend: Backend
) -> None:
    await desk.accept("m1")
    await backend.queue.accept("s", "m2", "instead of m1", replaces="m1")
    await WAITING["send_now"](desk, "m2")
    for nonce, message in (("n1", "m2"), ("n2", "m1")):
        claim = await backend.queue.take("s", await desk.entry(), nonce, attempts=3, continuing=",,", context=0)
        assert claim is not None
        assert (claim.message.id, [m.id for m in claim.context]) == (message, [message])
        await desk.finish(claim.epoch)


@pytest.mark.parametrize("name", ["edit", "withdraw", "send_now", "feedback", "rename"])
async def test_after_a_change_older_cursors_get_everything(desk: Desk, backend: Backend, name: str) -> None:
    await desk.answer("m1")
    await desk.accept("m2")
    await desk.accept("m3")
    before = await backend.log.position("s")
    assert (await desk.resume(before)).code is Code.OK
    assert await CHANGES[name](desk, "m1" if name == "feedback" else "m3") is Code.OK
    after = await backend.log.position("s")
    assert after != before
    assert (await desk.resume(before)).code is Code.SNAP
    assert (await desk.resume(after)).code is Code.OK
    assert (await desk.resume(START)).code is Code.SNAP


async def test_a_snapshot_brings_the_name(desk: Desk, backend: Backend) -> None:
    assert await desk.scripts.rename(desk.keys, "s", 'Bob "the second" 😀') is Code.OK
    assert (await backend.log.resume("s", None)).name == '"Bob \\"the second\\" 😀"'.encode()


async def test_delete_leaves_nothing(desk: Desk) -> None:
    await desk.accept("m1")
    await desk.read()
    taken = await desk.take("n1")
    assert await CHANGES["delete"](desk, "") is Code.OK
    assert (await desk.ready(), await desk.pending(), await desk.ends()) == ([], [], set())
    assert (await desk.finish(taken.epoch)).code is Code.GONE
    assert await CHANGES["delete"](desk, "") is Code.GONE


async def test_changes_that_meet_leave_each_message_once(desk: Desk) -> None:
    for number in range(1, 9):
        await desk.accept(f"m{number}", f"text {number}")
    moves = [WAITING["send_now"](desk, f"m{number}") for number in (8, 3, 5, 8, 1)]
    edits = [desk.scripts.edit(desk.keys, "s", f"m{number}", f"edited {number}") for number in (3, 7)]
    assert set(await asyncio.gather(*moves, *edits)) == {Code.OK}
    found = await questions(desk)
    assert [turn for turn, _, _ in found] == list(range(1, 9))
    texts = {id_: text for _, id_, text in found}
    assert texts == {f"m{n}": f"edited {n}" if n in (3, 7) else f"text {n}" for n in range(1, 9)}
    assert [id_ for _, id_, _ in found[:4]] == ["m1", "m8", "m5", "m3"]
