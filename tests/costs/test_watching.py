"""What watching costs: to connect, to stay, and for each piece of a reply on its way from Redis to the sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.costs.budget import MORE, at_most, exactly
from tests.costs.calls import Calls
from tests.costs.monitor import Count, Traffic
from tests.integration.server.author import Author
from tests.integration.server.site import Reader, Site, serving, until
from unbroken.config import Settings
from unbroken.log import Appender, Kind
from unbroken.protocol import ReplyDelta, encode
from unbroken.server.bounds import Bounds

pytestmark = pytest.mark.settings(partitions=1, drain_grace=1.0)

MANY = 50
"""Sockets."""

IDLE_CHECK = 0.5
"""Seconds from one look at a quiet session to the next; it is 30 in production."""

SHOWN = 30
"""Calls for a piece on its way from Redis to one socket."""

SHOWN_TOGETHER = 26.5
"""Calls for each of many pieces, of as many sessions, that come together."""

SHOWN_AGAIN = 13.0
"""Calls for each further socket that watches the same session."""


class Scene:
    """Sockets that watch, and pieces that a made-up worker shows them."""

    def __init__(self, site: Site, count: Count, authors: Sequence[Author], readers: Sequence[Reader]) -> None:
        self._site = site
        self._count = count
        self._authors = authors
        self._readers = readers
        self._seq = 0

    async def show(self) -> Calls:
        """Publishes the next piece of every session in one write, and waits until every socket has its piece."""
        self._seq += 1
        commands = []
        for author in self._authors:
            claim = author.claim
            frame = encode(ReplyDelta(claim.turn.first, "la"))
            _, live = Appender(author.keys).commands(claim.epoch, self._seq, Kind.DELTA.value, frame)
            commands.append(live)
        with Calls() as calls:
            self._count.marker.send(b"".join(commands))
            for reader in self._readers:
                async with asyncio.timeout(30):
                    await reader.socket.recv()
        await self._count.marker.mark()
        return calls

    async def calls(self) -> int:
        """The fewest calls of a few times: a timer may fire meanwhile, or what was sent in one piece come in two."""
        return min([(await self.show()).total for _ in range(5)])


@asynccontextmanager
async def watching(settings: Settings, count: Count, sessions: int, sockets: int) -> AsyncIterator[Scene]:
    """A server with so many sessions, each with a running reply and so many sockets that watch it."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(serving(settings, Bounds()))
        authors, readers = [], []
        for _ in range(sessions):
            token, session = await site.backend.store.create("Ann")
            await site.backend.queue.accept(session.id, "1", "sing")
            author = Author(site.backend, session.id)
            await author.start()
            authors.append(author)
            for _ in range(sockets):
                reader = await stack.enter_async_context(site.native(token))
                await reader.until("reply.started", timeout=30)
                readers.append(reader)
        scene = Scene(site, count, authors, readers)
        await scene.show()
        yield scene


async def test_a_piece_is_one_write_to_each_socket(settings: Settings, count: Count) -> None:
    async with watching(settings, count, 1, 1) as scene:
        calls = await scene.show()
        exactly("a piece, in writes to its socket and to Redis,", calls.writes, 1 + 1)
        at_most("a piece for one socket, in calls,", await scene.calls(), SHOWN)


async def test_pieces_of_many_sessions_are_one_write_to_each_socket(settings: Settings, count: Count) -> None:
    async with watching(settings, count, MANY, 1) as scene:
        calls = await scene.show()
        exactly(f"a piece of each of {MANY} sessions, in writes,", calls.writes, MANY + 1)
        at_most("a piece among many, in calls,", await scene.calls() / MANY, SHOWN_TOGETHER)


@pytest.mark.settings(sockets_per_session=MANY)
async def test_a_piece_is_read_once_however_many_watch(settings: Settings, count: Count) -> None:
    async with watching(settings, count, 1, 1) as scene:
        one = await scene.calls()
    async with watching(settings, count, 1, MANY) as scene:
        at_most("a piece for one more socket, in calls,", (await scene.calls() - one) / (MANY - 1), SHOWN_AGAIN)


async def test_connecting_asks_redis_for_little(settings: Settings, count: Count) -> None:
    async with serving(settings, Bounds()) as site:
        for _ in range(2):  # the second time every script is loaded
            token, _ = await site.backend.store.create("Ann")
            first, second = await _connected(site, count, token)
        exactly("the first socket, in commands,", first.work, {"JSON.GET": 1, "SSUBSCRIBE": 1, "EVALSHA": 2})
        exactly("another socket of a session, in commands,", second.work, {"JSON.GET": 1, "EVALSHA": 1})


async def _connected(site: Site, count: Count, token: str) -> tuple[Traffic, Traffic]:
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(2):
            async with count() as traffic:
                reader = await stack.enter_async_context(site.native(token))
                await reader.until("snapshot")
            found.append(traffic)
    await until(lambda: site.service.hub.sessions == 0)
    return found[0], found[1]


async def test_quiet_sessions_cost_two_commands_each_in_half_a_minute(settings: Settings, count: Count) -> None:
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(serving(settings, Bounds(idle_check=IDLE_CHECK)))
        for _ in range(MANY):
            token, _ = await site.backend.store.create("Ann")
            for _ in range(2):  # sockets
                reader = await stack.enter_async_context(site.native(token))
                await reader.until("snapshot", timeout=30)
        began = time.monotonic()
        async with count() as traffic:
            await count.until(traffic, "HMGET", 3 * MANY)
        looks = (time.monotonic() - began) / IDLE_CHECK + 1
    exactly("quiet sessions, in kinds of commands,", set(traffic.work), {"HMGET", "XREVRANGE"})
    assert traffic.sent["HMGET"] <= looks * MANY, f"{looks:.1f} looks at {MANY} sessions, {traffic.work}. {MORE}"
