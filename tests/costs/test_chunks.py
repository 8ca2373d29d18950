"""What a piece of a reply costs the worker and Redis, from the bot to the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.costs.budget import at_most, exactly
from tests.costs.calls import Calls
from tests.costs.choir import Choir
from tests.costs.monitor import Count, Traffic
from tests.integration.worker.harness import Talk, until, working
from unbroken.backend import Backend

MANY = 100
"""Replies that speak at once."""

pytestmark = pytest.mark.settings(partitions=1, lease=3600, concurrency=MANY + 1)

ALONE = 114
"""Calls for a piece that comes alone, from the bot to the answer of Redis. A flush that waits for its time, as on a
busy machine, takes a few more than one that leaves at once; the bounds here hold for both."""

TOGETHER = 60.0
"""Calls for each of many pieces, of as many replies, that leave together."""

JOINED = 10
"""Pieces that a reply says at once; one that says many without a pause lets others have a turn."""

JOINING = 25.0
"""Calls for each of them, when they leave as one."""


class Choral:
    """A worker whose replies speak on cue, and what that costs."""

    def __init__(self, choir: Choir, count: Count, talks: Sequence[Talk]) -> None:
        self._choir = choir
        self._count = count
        self._talks = talks
        self._replies = len(talks)

    async def say(self, *pieces: str) -> tuple[Traffic, Calls]:
        """Lets every reply say the same pieces in one turn of the event loop, and waits until they are shown."""
        async with self._count() as traffic:
            with Calls() as calls:
                self._choir.say(*pieces)
                await self._count.until(traffic, "SPUBLISH", self._replies)
                writes = calls.writes
                await self._count.marker.mark()
                await asyncio.sleep(0)  # Redis answered the worker before: that is read by now
        calls.writes = writes
        await until(lambda: self._choir.waiting == self._replies)
        return traffic, calls

    async def cue(self, *pieces: str) -> None:
        """Lets every reply say the same pieces, and waits only until the worker has them."""
        self._choir.say(*pieces)
        await until(lambda: self._choir.waiting == self._replies)

    async def heard(self, text: str) -> None:
        """Waits until every log shows the text."""
        for talk in self._talks:
            await talk.shows(text)

    async def calls(self, *pieces: str) -> int:
        """The fewest calls of a few times: now and then a timer fires meanwhile."""
        return min([(await self.say(*pieces))[1].total for _ in range(5)])


@asynccontextmanager
async def speaking(backend: Backend, count: Count, replies: int) -> AsyncIterator[Choral]:
    """Starts so many replies, each in its session; all of them wait for their cue."""
    choir = Choir()
    async with working(backend, choir):
        talks = await asyncio.gather(*(Talk.begin(backend) for _ in range(replies)))
        await asyncio.gather(*(talk.send("sing") for talk in talks))
        await until(lambda: choir.waiting == replies)
        choral = Choral(choir, count, talks)
        await choral.say("first")
        yield choral
        choir.end()
        await asyncio.gather(*(talk.outcome("m1") for talk in talks))


async def test_a_piece_alone_is_one_entry_and_one_message_in_one_write(backend: Backend, count: Count) -> None:
    async with speaking(backend, count, 1) as choral:
        traffic, calls = await choral.say("la")
        exactly("a piece, in commands,", traffic.work, {"XADD": 1, "SPUBLISH": 1})
        exactly("a piece, in writes,", calls.writes, 1)
        at_most("a piece, in calls,", await choral.calls("la"), ALONE)


async def test_pieces_of_a_reply_that_come_together_are_one(backend: Backend, count: Count) -> None:
    async with speaking(backend, count, 1) as choral:
        async with count() as traffic:
            await choral.cue(*["la"] * JOINED)
            await choral.heard("la" * JOINED)
        exactly(f"{JOINED} pieces at once, in entries,", traffic.sent["XADD"], 1)
        _, calls = await choral.say(*["la"] * JOINED)
        at_most(f"each of {JOINED} pieces at once, in calls,", calls.total / JOINED, JOINING)


async def test_pieces_of_all_replies_leave_together(backend: Backend, count: Count) -> None:
    async with speaking(backend, count, MANY) as choral:
        traffic, calls = await choral.say("la")
        exactly(f"a piece of each of {MANY} replies, in commands,", traffic.work, {"XADD": MANY, "SPUBLISH": MANY})
        exactly(f"a piece of each of {MANY} replies, in writes,", calls.writes, 1)
        at_most("a piece among many, in calls,", await choral.calls("la") / MANY, TOGETHER)


async def test_what_comes_while_redis_does_not_answer_leaves_in_one_entry(backend: Backend, count: Count) -> None:
    async with speaking(backend, count, 1) as choral:
        async with count() as traffic:
            async with count.marker.paused():
                for word in "abcdefgh":
                    await choral.cue(word)
            await choral.heard("abcdefgh")
        entries = traffic.sent["XADD"]
    at_most("eight pieces in one round trip of Redis, in entries,", entries, 2)
