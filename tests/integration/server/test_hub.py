"""One subscription for each watched session, with a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.conftest import StartValkey, make_settings
from tests.integration.server.author import Author
from tests.integration.server.site import until
from unbroken.backend import Backend
from unbroken.cursor import Cursor
from unbroken.errors import RateLimited, SessionGone, Unavailable
from unbroken.log import Entry
from unbroken.server.bounds import Bounds
from unbroken.server.hub import Hub


class Watcher:
    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.gaps = 0
        self.positions: list[Cursor] = []
        self.lost = False

    def entry(self, entry: Entry) -> None:
        self.entries.append(entry)

    def gap(self) -> None:
        self.gaps += 1

    def position(self, newest: Cursor) -> None:
        self.positions.append(newest)

    def gone(self) -> None:
        self.lost = True


@pytest.fixture
async def hub(backend: Backend) -> AsyncIterator[Hub]:
    hub = Hub(backend, Bounds(idle_check=0.1))
    await hub.start()
    yield hub
    await hub.close()


async def subscribers(backend: Backend, session: str) -> int:
    keys = backend.keys.session(session)
    found = await backend.redis.router.command(keys.tag, "PUBSUB", "SHARDNUMSUB", keys.events)
    return int(found[1])


async def test_many_watchers_share_one_subscription_and_one_parse(hub: Hub, backend: Backend) -> None:
    _, session = await backend.store.create("Ada")
    watchers = [Watcher() for _ in range(10)]
    await asyncio.gather(*(hub.attach(session.id, watcher) for watcher in watchers))
    assert (hub.sessions, await subscribers(backend, session.id)) == (1, 1)
    await backend.queue.accept(session.id, "a", "?")
    await until(lambda: all(watcher.entries for watcher in watchers))
    assert len({id(watcher.entries[0]) for watcher in watchers}) == 1
    for watcher in watchers[1:]:
        hub.detach(session.id, watcher)
    assert await subscribers(backend, session.id) == 1
    hub.detach(session.id, watchers[0])
    hub.detach(session.id, watchers[0])
    assert hub.sessions == 0
    async with asyncio.timeout(20):
        while await subscribers(backend, session.id):  # nobody waits for the end of a subscription
            await asyncio.sleep(0.01)


async def test_what_is_published_after_attaching_arrives(hub: Hub, backend: Backend) -> None:
    for _ in range(20):
        _, session = await backend.store.create("Ada")
        watcher = Watcher()
        await hub.attach(session.id, watcher)
        await backend.queue.accept(session.id, "a", "?")
        await until(lambda: watcher.entries)  # noqa: B023
        hub.detach(session.id, watcher)


async def test_leaving_and_coming_back_at_once(hub: Hub, backend: Backend) -> None:
    _, session = await backend.store.create("Ada")
    for number in range(20):
        watcher = Watcher()
        await hub.attach(session.id, watcher)
        await backend.queue.accept(session.id, f"m{number}", "?")
        await until(lambda: watcher.entries or watcher.gaps)  # noqa: B023
        hub.detach(session.id, watcher)


async def test_an_attach_that_is_given_up_leaves_nothing(hub: Hub, backend: Backend) -> None:
    _, session = await backend.store.create("Ada")
    for steps in range(6):
        task = asyncio.create_task(hub.attach(session.id, Watcher()))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert hub.sessions == 0
    watcher = Watcher()
    await hub.attach(session.id, watcher)
    await backend.queue.accept(session.id, "a", "?")
    await until(lambda: watcher.entries)
    hub.detach(session.id, watcher)


async def test_one_who_gives_up_does_not_take_the_others_along(hub: Hub, backend: Backend) -> None:
    _, session = await backend.store.create("Ada")
    first = asyncio.create_task(hub.attach(session.id, Watcher()))
    second_watcher = Watcher()
    second = asyncio.create_task(hub.attach(session.id, second_watcher))
    await asyncio.sleep(0)
    first.cancel()
    await second
    await backend.queue.accept(session.id, "a", "?")
    await until(lambda: second_watcher.entries)


async def test_a_session_that_is_not_there(hub: Hub, backend: Backend) -> None:
    with pytest.raises(SessionGone):
        await hub.attach("nobody", Watcher())
    assert (hub.sessions, await subscribers(backend, "nobody")) == (0, 0)


@pytest.mark.settings(sockets_per_session=2)
async def test_more_watchers_than_may(hub: Hub, backend: Backend) -> None:
    _, session = await backend.store.create("Ada")
    watchers = [Watcher() for _ in range(3)]
    results = await asyncio.gather(*(hub.attach(session.id, watcher) for watcher in watchers), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), type(None), RateLimited]
    hub.detach(session.id, watchers[0])
    await hub.attach(session.id, watchers[2])


async def test_only_quiet_sessions_are_asked_where_they_are(hub: Hub, backend: Backend) -> None:
    _, session = await backend.store.create("Ada")
    watcher = Watcher()
    await hub.attach(session.id, watcher)
    await until(lambda: len(watcher.positions) >= 2)
    await backend.queue.accept(session.id, "a", "?")
    author = Author(backend, session.id)
    await author.start()
    clock = asyncio.get_running_loop().time
    for _ in range(50):
        asked, longest = len(watcher.positions), 0.0
        for _ in range(40):
            said = clock()
            await author.say("x")
            await asyncio.sleep(0.01)
            longest = max(longest, clock() - said)
        if longest < 0.05:  # else the session was really quiet while Redis took its time
            break
    assert len(watcher.positions) <= asked + 2
    await until(lambda: watcher.positions[-1] == Cursor(author.claim.turn, watcher.entries[-1].id))


@pytest.mark.settings(session_ttl=6)
async def test_watching_keeps_a_session_alive_until_it_is_deleted(hub: Hub, backend: Backend) -> None:
    _, session = await backend.store.create("Ada")
    keys = backend.keys.session(session.id)

    async def live(milliseconds: int) -> None:
        for key in keys.owned:  # they expire together
            await backend.redis.router.command(keys.tag, "PEXPIRE", key, milliseconds)

    async def left() -> int:
        found: int = await backend.redis.router.command(keys.tag, "PTTL", keys.doc)
        return found

    await live(5_000)
    watcher = Watcher()
    await hub.attach(session.id, watcher)
    assert await left() > 5_000
    await live(5_000)  # it is renewed whenever a third of its life is over
    async with asyncio.timeout(20):
        while await left() <= 5_000:
            await asyncio.sleep(0.05)
    assert not watcher.lost
    await backend.redis.router.command(keys.tag, "DEL", *keys.owned)
    await until(lambda: watcher.lost)


async def test_without_redis(private_valkey: StartValkey, prefix: str) -> None:
    valkey = private_valkey()
    backend = await Backend.open(make_settings(valkey.address, prefix=prefix, redis_timeout=1.0))
    hub = Hub(backend, Bounds(idle_check=0.05))
    await hub.start()
    _, session = await backend.store.create("Ada")
    _, other = await backend.store.create("Eve")
    watcher = Watcher()
    await hub.attach(session.id, watcher)
    valkey.stop()
    with pytest.raises(Unavailable):
        await hub.attach(other.id, Watcher())
    assert hub.sessions == 1
    valkey.start()
    await until(lambda: watcher.gaps, 10)
    assert not watcher.lost
    await backend.queue.accept(session.id, "a", "?")
    await until(lambda: watcher.entries)
    await hub.close()
    await backend.close()
