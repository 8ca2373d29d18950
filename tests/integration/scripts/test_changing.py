"""What changes after it was accepted or committed: edits, withdrawals, the order, verdicts, the name, the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from unbroken.backend import Backend
from unbroken.cursor import Cursor
from unbroken.errors import NotWaiting, Refused, SessionGone, UnknownMessage
from unbroken.log import Entry, Kind
from unbroken.queue import Claim, Outcome
from unbroken.types import Feedback, Message, Role, Status


class Room:
    """One session with four accepted messages, somebody who watches it, and a worker."""

    def __init__(self, backend: Backend, session: str) -> None:
        self.backend, self.queue, self.store = backend, backend.queue, backend.store
        self.session = session
        self.keys = backend.keys.session(session)
        self.seen: list[Entry] = []
        self.live = backend.redis.live(lambda _, payload: self.seen.append(Entry.from_live(payload)), lambda _: None)
        self.ready = backend.redis.ready(self.keys.tag, "w")
        self._takes = 0

    async def open(self) -> None:
        await self.live.start()
        await self.live.subscribe(self.keys.events, self.keys.tag)
        for name in "abcd":
            await self.queue.accept(self.session, name, f"text {name}")

    async def close(self) -> None:
        await self.live.close()
        await self.ready.close()

    async def take(self) -> Claim | None:
        entries = await self.ready.read(0.2)
        if not entries:
            return None
        self._takes += 1
        nonce = f"n{self._takes}"
        return await self.queue.take(self.session, entries[0][0], nonce, attempts=3, continues=False, context=10)

    async def finish(self, claim: Claim, status: Status = Status.COMPLETED) -> None:
        assert await self.queue.finish(claim, 1, Outcome(status, f"re {claim.message.id}"))

    async def answer_all(self) -> list[str]:
        """Answers everything; returns the texts in the order in which they were asked."""
        asked = []
        while (claim := await self.take()) is not None:
            asked.append(claim.message.msg)
            await self.finish(claim)
        return asked

    async def messages(self) -> dict[str, Message]:
        return {message.id: message for message in (await self.store.read(self.session)).messages}

    async def changes(self, count: int) -> list[Entry]:
        async with asyncio.timeout(5):
            while len(found := [entry for entry in self.seen if entry.kind is Kind.CHANGED]) < count:
                await asyncio.sleep(0.01)
        return found


@pytest.fixture
async def room(backend: Backend):  # type: ignore[no-untyped-def]
    _, session = await backend.store.create("Ada")
    room = Room(backend, session.id)
    await room.open()
    yield room
    await room.close()


async def test_an_edit_keeps_the_place(room: Room) -> None:
    await room.queue.edit(room.session, "b", 'other "text"')
    assert await room.answer_all() == ["text a", 'other "text"', "text c", "text d"]
    assert (await room.messages())["b"].msg == 'other "text"'
    [change] = await room.changes(1)
    assert change.at is not None


async def test_the_same_edit_twice_is_one_change(room: Room) -> None:
    for _ in range(2):
        await room.queue.edit(room.session, "b", "other")
    await room.queue.edit(room.session, "c", "last")
    assert [entry.id.first for entry in await room.changes(2)] == [1, 2]


async def test_after_a_withdrawal_the_rest_is_answered(room: Room) -> None:
    await room.queue.withdraw(room.session, "b")
    first = await room.take()
    assert first is not None
    await room.finish(first)
    second = await room.take()
    assert second is not None
    assert second.message.id == "c"
    assert [message.id for message in second.context] == ["a", "a.reply", "c"]
    messages = await room.messages()
    assert messages["b"].withdrawn
    assert messages["b.reply"].status is Status.CANCELLED


async def test_send_now_goes_first_and_stops_what_runs(room: Room) -> None:
    running = await room.take()
    assert running is not None
    await room.queue.send_now(room.session, "d")
    assert await room.queue.renew(running, "w"), "the running reply is cancelled"
    await room.finish(running, Status.CANCELLED)
    assert await room.answer_all() == ["text d", "text b", "text c"]
    messages = await room.messages()
    assert {name: messages[name].turn for name in "abcd"} == {"a": 1, "d": 2, "b": 3, "c": 4}
    assert {messages[f"{name}.reply"].turn == messages[name].turn for name in "abcd"} == {True}
    assert (await room.queue.accept(room.session, "b", "again")).turn.first == 3, "its id knows the new turn"


async def test_send_now_of_the_next_one_only_stops_what_runs(room: Room) -> None:
    running = await room.take()
    assert running is not None
    await room.queue.send_now(room.session, "b")
    assert await room.queue.renew(running, "w")
    assert room.seen
    assert not [entry for entry in room.seen if entry.kind is Kind.CHANGED]


@pytest.mark.parametrize("change", ["edit", "withdraw", "send_now"])
async def test_only_what_waits_can_be_changed(room: Room, change: str) -> None:
    calls: dict[str, Callable[[str], Awaitable[None]]] = {
        "edit": lambda name: room.queue.edit(room.session, name, "x"),
        "withdraw": lambda name: room.queue.withdraw(room.session, name),
        "send_now": lambda name: room.queue.send_now(room.session, name),
    }
    call = calls[change]
    first = await room.take()
    assert first is not None
    with pytest.raises(NotWaiting):
        await call("a")  # it is running
    await room.finish(first)
    with pytest.raises(NotWaiting):
        await call("a")  # it is done
    await room.queue.cancel(room.session, "b")
    with pytest.raises(NotWaiting):
        await call("b")  # it was stopped
    with pytest.raises(UnknownMessage):
        await call("nobody")


async def test_feedback_is_stored_changed_and_taken_back(room: Room) -> None:
    with pytest.raises(NotWaiting):
        await room.store.feedback(room.session, "a.reply", Feedback.UP)
    await room.answer_all()
    before = (await room.messages())["a.reply"]
    for value in (Feedback.UP, Feedback.DOWN, None):
        await room.store.feedback(room.session, "a.reply", value)
        after = (await room.messages())["a.reply"]
        assert after.feedback == value
        assert (after.msg, after.status, after.turn) == (before.msg, before.status, before.turn)
    with pytest.raises(UnknownMessage):
        await room.store.feedback(room.session, "nobody.reply", Feedback.UP)


async def test_a_replaced_message_is_not_in_the_context(room: Room) -> None:
    await room.answer_all()
    await room.queue.accept(room.session, "e", "text d", replaces="d")
    claim = await room.take()
    assert claim is not None
    assert [message.id for message in claim.context] == ["a", "a.reply", "b", "b.reply", "c", "c.reply", "e"]
    with pytest.raises(UnknownMessage):
        await room.queue.accept(room.session, "f", "x", replaces="nobody")
    assert len([m for m in (await room.messages()).values() if m.role is Role.USER]) == 5


async def test_a_cursor_before_a_change_gets_a_snapshot(room: Room) -> None:
    old = await room.backend.log.position(room.session)
    await room.store.rename(room.session, "Another")
    new = await room.backend.log.position(room.session)
    assert new is not None
    assert Cursor.parse(str(new)) == new
    assert (await room.backend.log.resume(room.session, old)).snapshot is not None
    assert (await room.backend.log.resume(room.session, new)).snapshot is None
    assert (await room.store.read(room.session)).name == "Another"


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "\ud800"])
async def test_a_name_has_to_be_one(room: Room, name: str) -> None:
    with pytest.raises(Refused):
        await room.store.rename(room.session, name)


async def test_a_deleted_session_leaves_nothing(room: Room) -> None:
    running = await room.take()
    assert running is not None
    await room.store.delete(room.session)
    left = await room.backend.redis.router.pipeline(
        room.keys.tag, ("EXISTS", *room.keys.owned), ("XLEN", room.keys.ready)
    )
    assert left == [0, 0]
    assert await room.queue.finish(running, 1, Outcome(Status.COMPLETED, "x")) is False
    async with asyncio.timeout(5):
        while not any(entry.kind is Kind.DELETED for entry in room.seen):
            await asyncio.sleep(0.01)
    for late in (room.store.delete(room.session), room.queue.edit(room.session, "b", "x")):
        with pytest.raises(SessionGone):
            await late
