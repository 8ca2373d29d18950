from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from unbroken.claim import Claim
from unbroken.cursor import StreamId
from unbroken.keys import Keys
from unbroken.log import Log
from unbroken.redis.router import Router
from unbroken.turn import Journal
from unbroken.types import Message, Role
from unbroken.worker import outbox as module
from unbroken.worker.channel import Channel
from unbroken.worker.outbox import Outbox

MESSAGE = Message("m", "hi", Role.USER, "", 1)


@pytest.fixture(autouse=True)
async def _steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Round trips are measured by the clock of these tests: a stall would make them long, and flushes rare."""
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=asyncio.get_running_loop().time))


class Post:
    """Takes what is sent, and answers when it is told to."""

    def __init__(self) -> None:
        self.flushes: list[tuple[list[bytes], asyncio.Future[list[Any]]]] = []
        self.way = "to the only server"

    def connection(self, tag: str) -> str:
        return self.way

    def send(self, tag: str, commands: list[bytes]) -> asyncio.Future[list[Any]]:
        self.flushes.append((commands, asyncio.get_running_loop().create_future()))
        return self.flushes[-1][1]

    async def answer(self) -> None:
        """Answers the last flush."""
        commands, future = self.flushes[-1]
        future.set_result([b"1-1", 1] * (len(commands) // 2))
        await tick()


class Shelf:
    """What the servers say that they have."""

    def __init__(self) -> None:
        self.newest = StreamId(99, 0)
        self.asked = asyncio.Semaphore(0)

    async def top(self, session: str) -> StreamId:
        await self.asked.acquire()
        return self.newest


class Office:
    """An outbox, and the replies that are said through it."""

    def __init__(self) -> None:
        self.post = Post()
        self.shelf = Shelf()
        self.outbox = Outbox(cast("Router", self.post), cast("Log", self.shelf), Keys(partitions=1), 1_000_000)

    def open(self, session: str) -> Channel:
        claim = Claim(
            session,
            "Ann",
            "",
            "1-0",
            StreamId(1, 1),
            99,
            1,
            MESSAGE,
            "",
            [],
            MESSAGE,
            MESSAGE.msg,
            [MESSAGE],
            Journal(),
        )
        return self.outbox.open(claim, on_lost=lambda: None, on_gone=lambda: None)

    async def begun(self, session: str) -> Channel:
        """A reply whose first words are written."""
        channel = self.open(session)
        channel.put("first")
        await tick()
        await self.post.answer()
        return channel

    def busy(self) -> None:
        """From now on a round trip is long, and so is the period."""
        self.outbox._round_trip = 1.0


async def tick() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_when_nothing_is_under_way_a_piece_leaves_at_once() -> None:
    office = Office()
    one = await office.begun("one")
    one.put("more")
    await tick()
    assert len(office.post.flushes) == 2


async def test_what_arrives_during_a_flush_goes_with_the_next_of_all_replies() -> None:
    office = Office()
    one, two = await office.begun("one"), await office.begun("two")
    one.put("a")
    await tick()
    for text in "bc":
        one.put(text)
        two.put(text)
        await tick()
    assert len(office.post.flushes) == 3
    await office.post.answer()
    assert len(office.post.flushes) == 4
    commands = office.post.flushes[-1][0]
    assert [b'"bc"' in command for command in commands] == [True] * 4


async def test_long_round_trips_make_flushes_rarer_but_first_words_leave_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LONGEST_PERIOD", 3600.0)
    office = Office()
    one = await office.begun("one")
    office.busy()
    one.put("waits")
    await tick()
    assert len(office.post.flushes) == 1
    two = office.open("two")
    two.put("first")
    await tick()
    assert len(office.post.flushes) == 2
    assert all(b"first" in command for command in office.post.flushes[1][0])


async def test_what_waits_for_the_period_leaves_at_its_end() -> None:
    office = Office()
    one = await office.begun("one")
    office.busy()
    one.put("waits")
    async with asyncio.timeout(20):
        while len(office.post.flushes) < 2:
            await asyncio.sleep(0.005)
    assert b"waits" in office.post.flushes[1][0][0]


async def test_round_trips_are_measured_and_the_period_is_bounded() -> None:
    office = Office()
    one = await office.begun("one")
    for _ in range(5):
        one.put("x")
        async with asyncio.timeout(20):
            while not one.in_flight:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        await office.post.answer()
    assert office.outbox._round_trip >= 0.02 * (1 - (7 / 8) ** 5) * 0.9
    assert office.outbox._period == module.LONGEST_PERIOD


async def test_nobody_waits_for_a_server_that_is_silent() -> None:
    office = Office()
    one, two = await office.begun("one"), await office.begun("two")
    one.put("silence")
    await tick()
    two.put("goes on")
    await tick()
    assert len(office.post.flushes) == 3
    async with asyncio.timeout(20):
        while len(office.post.flushes) < 4:
            await asyncio.sleep(0.01)
    assert b"goes on" in office.post.flushes[3][0][0]


async def test_after_a_failover_that_nobody_felt_what_is_missing_there_is_written_before_anything_else() -> None:
    """Nothing was under way when the connection changed, so no write failed; and the new server knows less."""
    office = Office()
    one = await office.begun("one")
    office.post.way = "to another server"
    one.put("second")
    await tick()
    assert len(office.post.flushes) == 1
    office.shelf.asked.release()
    await tick()
    assert b"first" in office.post.flushes[1][0][0]
    office.shelf.newest = StreamId(99, 1)
    await office.post.answer()
    office.shelf.asked.release()
    await tick()
    assert b"second" in office.post.flushes[2][0][0]


async def test_what_one_server_has_says_nothing_about_the_next() -> None:
    office = Office()
    one = await office.begun("one")
    one.put("second")
    await tick()
    await office.post.answer()
    office.post.way = "to the old server, which came back"
    one.put("third")
    await tick()
    office.shelf.newest = StreamId(99, 1)
    office.post.way = "to the new server"
    office.shelf.asked.release()
    await tick()
    assert len(office.post.flushes) == 2, "the second would leave a hole if it misses the first"
    office.shelf.newest = StreamId(99, 0)
    office.shelf.asked.release()
    await tick()
    assert b"first" in office.post.flushes[2][0][0]
    one.close()
    await tick()
