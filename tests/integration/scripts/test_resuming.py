"""resume: exactly what followed a cursor, or everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from tests.integration.scripts.desk import Desk
from tests.integration.scripts.test_taking import delta
from unbroken.cursor import LARGEST, START, ZERO, Cursor, StreamId
from unbroken.errors import ProtocolViolation, SessionGone
from unbroken.log import Entry, Kind
from unbroken.scripts import Code
from unbroken.types import Message


def ids(raw: Sequence[Any]) -> list[StreamId]:
    return [Entry.from_log(entry).id for entry in raw]


async def test_a_new_session_is_known_from_its_start(desk: Desk) -> None:
    found = await desk.resume(START)
    assert (found.code, found.tail, found.top, found.inbox, found.log) == (Code.OK, ZERO, ZERO, [], [])


async def test_the_start_stays_exact_until_something_was_committed(desk: Desk) -> None:
    first, second = await desk.accept("m1"), await desk.accept("m2")
    taken = await desk.take("n1")
    await desk.chunk(delta(taken.epoch, 1, "hi"))
    found = await desk.resume(START)
    assert found.code is Code.OK
    assert [Entry.from_inbox(raw).id for raw in found.inbox] == [first.turn, second.turn]
    assert ids(found.log) == [(taken.epoch, 0), (taken.epoch, 1)]
    assert (found.tail, found.top) == (second.turn, (taken.epoch, 1))
    await desk.finish(taken.epoch, 2)
    assert (await desk.resume(START)).code is Code.SNAP
    assert second.turn is not None
    assert (await desk.resume(Cursor(second.turn, ZERO))).code is Code.SNAP


async def test_what_followed_a_cursor(desk: Desk) -> None:
    await desk.answer("m1")
    quiet = await desk.backend.log.position("s")
    assert quiet is not None
    found = await desk.resume(quiet)
    assert (found.code, found.inbox, found.log) == (Code.OK, [], [])
    accepted = await desk.accept("m2")
    taken = await desk.take("n2")
    found = await desk.resume(quiet)
    assert [Entry.from_inbox(raw).id for raw in found.inbox] == [accepted.turn]
    assert ids(found.log) == [(taken.epoch, 0)]
    assert accepted.turn is not None
    found = await desk.resume(Cursor(accepted.turn, StreamId(taken.epoch, 0)))
    assert (found.code, found.inbox, found.log) == (Code.OK, [], [])


async def test_a_cursor_that_is_not_known_exactly_gets_everything(desk: Desk) -> None:
    await desk.answer("m1", "one", "eins")
    old = await desk.backend.log.position("s")
    assert old is not None
    await desk.answer("m2", "two", "zwei")
    now = await desk.backend.log.position("s")
    assert now is not None
    turn, log, change = now
    unknown = [
        None,
        old,
        Cursor(old.turn, log),
        Cursor(turn, old.log),
        Cursor(StreamId(turn.first, turn.second + 1), log),
        Cursor(turn, StreamId(log.first, log.second + 1)),
        Cursor(StreamId(turn.first + 1, turn.second), log),
        Cursor(StreamId(LARGEST, LARGEST), StreamId(LARGEST, LARGEST)),
        Cursor(turn, log, StreamId(change.first + 1, change.second)),
        START,
    ]
    for cursor in unknown:
        found = await desk.resume(cursor)
        assert (found.code, found.tail, found.top, found.log) == (Code.SNAP, turn, log, []), cursor
        [messages] = msgspec.json.decode(found.messages, type=list[list[Message]])
        assert [message.msg for message in messages] == ["one", "eins", "two", "zwei"]


async def test_a_snapshot_is_continued_by_what_the_running_attempt_said(desk: Desk) -> None:
    await desk.answer("m1")
    before = await desk.backend.log.position("s")
    assert before is not None
    accepted = await desk.accept("m2")
    first = await desk.take("n2")
    await desk.chunk(delta(first.epoch, 1, "given up"))
    second = await desk.take("n3")
    await desk.chunk(delta(second.epoch, 1, "hi"))
    found = await desk.resume(None)
    assert (found.code, found.tail, found.top) == (Code.SNAP, accepted.turn, (first.epoch, 1))
    assert ids(found.log) == [(second.epoch, 0), (second.epoch, 1)]
    assert accepted.turn is not None
    assert found.top is not None
    again = await desk.resume(Cursor(accepted.turn, found.top))
    assert (again.code, again.log) == (Code.OK, found.log)


async def test_a_snapshot_shows_what_a_released_attempt_said(desk: Desk) -> None:
    await desk.accept("m1")
    taken = await desk.take("n1")
    await desk.chunk(delta(taken.epoch, 1, "hi"))
    await desk.release(taken.epoch)
    found = await desk.resume(None)
    assert (found.code, found.top) == (Code.SNAP, ZERO)
    assert ids(found.log) == [(taken.epoch, 0), (taken.epoch, 1)]


@pytest.mark.parametrize("raw", [f"{LARGEST + 1}-0.0-0", f"0-0.0-{LARGEST + 1}", f"0-0.{'9' * 40}-1", "0-0", "", "x"])
def test_a_cursor_that_redis_could_not_read_never_gets_there(raw: str) -> None:
    with pytest.raises(ProtocolViolation):
        Cursor.parse(raw)


@pytest.mark.parametrize("from_snapshot", [False, True])
async def test_long_logs_come_in_pages(desk: Desk, from_snapshot: bool) -> None:
    await desk.accept("m1")
    taken = await desk.take("n1")
    for seq in range(1, 10):
        await desk.chunk(delta(taken.epoch, seq, str(seq)))
    cursor: Cursor | None = None if from_snapshot else START
    seen: list[Entry] = []
    sizes = []
    while True:
        page = await desk.backend.log.resume("s", cursor, limit=4)
        assert (page.snapshot is not None) == (cursor is None)
        sizes.append(len(page.entries))
        seen += page.entries
        position = await desk.backend.log.position("s")
        assert position is not None
        cursor = Cursor(position.turn, page.entries[-1].id if page.entries else position.log)
        if page.complete:
            break
    logged = [entry.id for entry in seen if entry.kind is not Kind.ACCEPTED]
    assert logged == [(taken.epoch, seq) for seq in range(10)]
    assert sizes == [4, 4, 2] if from_snapshot else [5, 4, 2]


@pytest.mark.parametrize("from_snapshot", [False, True])
async def test_a_page_ends_behind_so_many_bytes(desk: Desk, from_snapshot: bool) -> None:
    """Large chunks come in pages of a few: a reader who is behind holds one page at a time."""
    await desk.accept("m1")
    taken = await desk.take("n1")
    for seq in range(1, 250):
        await desk.chunk(delta(taken.epoch, seq, "x" * (3000 if seq < 10 else 1)))
    position = await desk.backend.log.position("s")
    assert position is not None
    cursor: Cursor | None = None if from_snapshot else START
    seen: list[StreamId] = []
    sizes: list[int] = []
    while True:
        page = await desk.backend.log.resume("s", cursor, size=9000)
        logged = [entry for entry in page.entries if entry.kind is not Kind.ACCEPTED]
        sizes.append(sum(len(entry.frame) for entry in logged))
        seen += [entry.id for entry in logged]
        cursor = Cursor(position.turn, seen[-1])
        if page.complete:
            break
    assert seen == [(taken.epoch, seq) for seq in range(250)]
    assert all(9000 <= size < 9000 + 3100 for size in sizes[:-1])
    assert len(sizes) == 5


async def test_a_page_that_is_exactly_full_says_that_more_may_come(desk: Desk) -> None:
    await desk.accept("m1")
    taken = await desk.take("n1")
    for seq in range(1, 4):
        await desk.chunk(delta(taken.epoch, seq, str(seq)))
    page = await desk.backend.log.resume("s", START, limit=4)
    assert not page.complete
    rest = await desk.backend.log.resume("s", await desk.backend.log.position("s"), limit=4)
    assert (rest.entries, rest.complete) == ([], True)


async def test_resume_changes_nothing_and_finds_no_session(desk: Desk) -> None:
    await desk.accept("m1")
    facts, ends = await desk.facts(), await desk.ends()
    await desk.resume(START)
    await desk.resume(None)
    assert (await desk.facts(), await desk.ends()) == (facts, ends)
    await desk.expire()
    assert (await desk.resume(START)).code is Code.GONE
    with pytest.raises(SessionGone):
        await desk.backend.log.resume("s", None)
    assert await desk.backend.log.position("s") is None
