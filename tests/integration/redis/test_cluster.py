"""Three primaries that share the slots: they die, are replaced, and hand slots to each other under load."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from tests.integration.redis.conftest import OpenBackend
from tests.integration.redis.traffic import Traffic
from tests.integration.redis.waiting import until
from tests.topologies import ValkeyCluster
from unbroken.backend import Backend
from unbroken.errors import ConfigurationError, Unavailable
from unbroken.keys import SLOTS, slot
from unbroken.redis.wire import RedisReplyError

pytestmark = pytest.mark.usefixtures("_bundled")


@pytest.fixture
async def cluster() -> AsyncIterator[ValkeyCluster]:
    async with ValkeyCluster() as cluster:
        yield cluster


async def test_every_partition_works_and_each_server_has_its_share(
    cluster: ValkeyCluster, open_backend: OpenBackend
) -> None:
    backend = await open_backend(cluster.address, inbox_limit=1000)
    assert backend.redis.together == [(tag,) for tag in backend.keys.tags], "several slots cannot be read together"
    assert len(backend.keys.tags) == 64
    places = [backend.redis.router._topology.node(tag) for tag in backend.keys.tags]
    assert sorted(places.count(place) for place in set(places)) == [21, 21, 22]
    traffic = await Traffic.begin(backend)
    await traffic.goes_on()
    await traffic.end()
    assert not any(traffic.gaps.values())


async def test_the_number_of_partitions_is_kept_unless_the_settings_contradict(
    cluster: ValkeyCluster, open_backend: OpenBackend
) -> None:
    first = await open_backend(cluster.address, partitions=8)
    assert len(first.keys.tags) == 8
    assert first.keys.tags == (await open_backend(cluster.address)).keys.tags
    with pytest.raises(ConfigurationError, match="was started with 8 partitions; set UNBROKEN_PARTITIONS=8"):
        await open_backend(cluster.address, partitions=64)


async def test_a_killed_primary_is_replaced_and_nothing_acknowledged_is_lost(
    open_backend: OpenBackend, record_property: Callable[[str, object], None]
) -> None:
    async with ValkeyCluster(replicas=1) as cluster:
        backend = await open_backend(
            cluster.address, ack="replica", ack_timeout=0.3, partitions=16, inbox_limit=1000, redis_timeout=30
        )
        traffic = await Traffic.begin(backend)
        tag = backend.keys.tags[0]
        old = await cluster.owner(slot(tag))
        old.kill()
        new = await cluster.owner(slot(tag))
        assert await backend.redis.router.command(tag, "ECHO", "x") == b"x"
        record_property("longest", traffic.longest)
        await old.start()
        await traffic.goes_on()  # once the old one follows the new one, messages are acknowledged again
        assert (await old.ask("ROLE"))[:3] == ["slave", "127.0.0.1", new.port]
        names = (await old.ask("CLIENT", "LIST")).count("name=unbroken")
        assert names == (await old.ask("CLIENT", "LIST")).count("name=unbroken-topology")
        await traffic.end()
        assert all(gaps for s, gaps in traffic.gaps.items() if slot(traffic.keys(s).tag) < SLOTS // 3)


class Stream:
    """A reply that is being written and watched while its slot moves."""

    def __init__(self, backend: Backend, tag: str) -> None:
        self._backend = backend
        self._tag = tag
        self._log, self._channel = f"{backend.keys.prefix}:{{{tag}}}:log", f"{backend.keys.prefix}:{{{tag}}}:events"
        self.heard: list[int] = []
        self.gaps = 0
        self.written = 0
        self._stop = False

    async def begin(self) -> None:
        live = self._backend.redis.live(lambda _, payload: self.heard.append(int(payload)), self._gap)
        await live.subscribe(self._channel, self._tag)
        self._task = asyncio.create_task(self._write())
        await self.goes_on()

    async def goes_on(self) -> None:
        """Returns when ten entries more are written."""
        before = self.written
        await until(lambda: self.written >= before + 10 or self._task.done())

    def _gap(self, _: str) -> None:
        self.gaps += 1

    async def _write(self) -> None:
        while not self._stop:
            number = self.written + 1
            pair = (("XADD", self._log, f"7-{number}", "n", number), ("SPUBLISH", self._channel, number))
            written, _ = await self._backend.redis.router.pipeline(self._tag, *pair, errors=True)
            assert not isinstance(written, RedisReplyError) or "equal or smaller" in str(written), written
            self.written = number
            await asyncio.sleep(0.003)

    async def end(self) -> None:
        self._stop = True
        await self._task
        rows = await self._backend.redis.router.command(self._tag, "XRANGE", self._log, "-", "+")
        assert [int(row[1][1]) for row in rows] == list(range(1, self.written + 1))


async def test_a_slot_moves_under_load(cluster: ValkeyCluster, open_backend: OpenBackend) -> None:
    backend = await open_backend(cluster.address, partitions=4, inbox_limit=1000, redis_timeout=30)
    tag = backend.keys.tags[0]
    stream = Stream(backend, tag)
    await stream.begin()
    traffic = await Traffic.begin(backend)
    moving = slot(tag)
    source = await cluster.owner(moving)
    for target in [server for server in cluster.servers if server is not source]:
        gaps = stream.gaps
        await cluster.migrate(moving, target, pause=0.02, between=stream.goes_on)
        assert await cluster.owner(moving) is target
        await until(lambda gaps=gaps: stream.gaps > gaps)  # type: ignore[misc]
        reached = stream.written
        await until(lambda reached=reached: stream.heard[-1] > reached)  # type: ignore[misc]
        await traffic.goes_on()
    await traffic.end()
    await stream.end()
    (session,) = (s for s in traffic.gaps if traffic.keys(s).tag == tag)
    assert [s for s, gaps in traffic.gaps.items() if gaps] == [session], "the others noticed nothing"


async def test_what_a_killed_server_without_replica_owned_is_unavailable_and_nothing_else(
    cluster: ValkeyCluster, open_backend: OpenBackend
) -> None:
    backend = await open_backend(cluster.address, redis_timeout=1)
    meta = backend.redis.router._topology.node(backend.keys.meta)
    here = next(tag for tag in backend.keys.tags if backend.redis.router._topology.node(tag) == meta)
    there = next(tag for tag in backend.keys.tags if backend.redis.router._topology.node(tag) != meta)
    gone = await cluster.owner(slot(there))
    gone.kill()
    for router in (backend.redis.router, (await open_backend(cluster.address, redis_timeout=1)).redis.router):
        assert await router.command(here, "ECHO", "x") == b"x"
        with pytest.raises(Unavailable):
            await router.command(there, "SET", f"{{{there}}}", "x")
    await gone.start()

    async def back() -> bool:
        try:
            return bool(await router.command(there, "SET", f"{{{there}}}", "x") == b"OK")
        except Unavailable:
            return False

    async with asyncio.timeout(20):
        while not await back():
            pass


async def test_any_of_the_seeds_will_do(cluster: ValkeyCluster, open_backend: OpenBackend) -> None:
    seeds = [f"127.0.0.1:{server.port}" for server in cluster.servers]
    backend = await open_backend(f"redis://127.0.0.1:1,{seeds[2]}/0")
    assert {str(backend.redis.router._topology.node(tag)) for tag in backend.keys.tags} == set(seeds)


async def test_every_primary_is_checked(cluster: ValkeyCluster, open_backend: OpenBackend) -> None:
    second = cluster.servers[1]
    where = f"^127.0.0.1:{second.port}: "
    await second.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(ConfigurationError, match=f"{where}Redis would delete live sessions"):
        await open_backend(cluster.address)
    await second.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    for server in cluster.servers:
        if server is not second:
            await server.ask("CONFIG", "SET", "appendfsync", "always")
    with pytest.raises(ConfigurationError, match=f"{where}UNBROKEN_ACK=disk needs a Redis that syncs every write"):
        await open_backend(cluster.address, ack="disk")
    await second.ask("CONFIG", "SET", "appendfsync", "always")
    await open_backend(cluster.address, ack="disk")
