"""The ready stream of a real server."""

from __future__ import annotations

import asyncio

from tests.conftest import StartValkey
from tests.integration.redis.conftest import OpenBackend
from tests.integration.redis.test_outages import kill, restart
from unbroken.backend import Backend
from unbroken.keys import GROUP


async def add(backend: Backend, *sessions: str, partition: int = 0) -> list[str]:
    """Adds ready entries to a partition; returns their ids."""
    tag = backend.keys.tags[partition]
    stream = backend.keys.partition(tag).ready
    commands = [("XADD", stream, "*", "s", session) for session in sessions]
    return [found.decode() for found in await backend.redis.router.pipeline(tag, *commands)]


async def pending(backend: Backend, partition: int = 0) -> int:
    tag = backend.keys.tags[partition]
    found: int = (await backend.redis.router.command(tag, "XPENDING", backend.keys.partition(tag).ready, GROUP))[0]
    return found


async def test_entries_are_read_one_by_one_also_those_from_before_the_group(backend: Backend) -> None:
    ids = await add(backend, "a", "b")
    ready = backend.redis.ready(backend.keys.tags[:1], "worker")
    assert await ready.read(5) == [(ids[0], "a")]
    assert await ready.read(5) == [(ids[1], "b")]
    assert await ready.read(0) == []
    assert await ready.read(0.01) == []


async def test_a_blocked_read_gets_what_comes(backend: Backend) -> None:
    first, second = (backend.redis.ready(backend.keys.tags[:1], name) for name in ("one", "two"))
    reading = [asyncio.create_task(ready.read(20)) for ready in (first, second)]
    await asyncio.sleep(0.05)
    ids = await add(backend, "a", "b")
    assert sorted(await reading[0] + await reading[1]) == [(ids[0], "a"), (ids[1], "b")]


async def test_all_partitions_are_read_together_one_entry_of_each(backend: Backend) -> None:
    partitions = len(backend.keys.tags)
    assert backend.redis.together == [backend.keys.tags], "one server owns them all"
    ready = backend.redis.ready(backend.keys.tags, "worker")
    ids = [await add(backend, f"a{n}", f"b{n}", partition=n) for n in range(partitions)]
    assert sorted(await ready.read(5)) == sorted((ids[n][0], f"a{n}") for n in range(partitions))
    found = [entry for _ in range(partitions) for entry in await ready.read(5, 1)]
    assert sorted(found) == sorted((ids[n][1], f"b{n}") for n in range(partitions)), "each in its turn"
    assert await ready.read(0) == []
    reading = asyncio.create_task(ready.read(20))
    await asyncio.sleep(0.05)
    (id_,) = await add(backend, "c", partition=partitions - 1)
    assert await reading == [(id_, "c")]


async def test_a_stream_that_is_gone_holds_up_no_other(backend: Backend) -> None:
    router, tags = backend.redis.router, backend.keys.tags
    ready = backend.redis.ready(tags, "worker")
    assert await ready.read(0) == []
    reading = asyncio.create_task(ready.read(20))
    await asyncio.sleep(0.05)
    await router.command(tags[0], "DEL", backend.keys.partition(tags[0]).ready)
    (id_,) = await add(backend, "a", partition=1)
    assert await reading == [(id_, "a")]
    (id_,) = await add(backend, "b")
    assert await ready.read(5) == [(id_, "b")]


async def test_the_dead_of_all_partitions_are_found(backend: Backend) -> None:
    partitions = len(backend.keys.tags)
    dead, ready = (backend.redis.ready(backend.keys.tags, name) for name in ("dead", "worker"))
    for number in range(partitions):
        await add(backend, *(f"{number}-{n}" for n in range(12)), partition=number)
    lost = [entry for _ in range(12) for entry in await dead.read(1)]
    assert len(lost) == 12 * partitions
    await asyncio.sleep(0.06)
    found: set[tuple[str, str]] = set()
    async with asyncio.timeout(20):
        while found != set(lost):
            some = await ready.reclaim(0.05, 5)
            assert len(some) <= 5
            found.update(some)


async def test_partitions_take_turns_where_little_can_be_reclaimed(backend: Backend) -> None:
    tags = backend.keys.tags[:2]
    dead, one = (backend.redis.ready(tags, name) for name in ("dead", "one"))
    for partition in (0, 1):
        await add(backend, f"{partition}a", f"{partition}b", partition=partition)
    for _ in range(2):
        await dead.read(5)
    await asyncio.sleep(0.06)
    found = [await one.reclaim(0.05, 1) for _ in range(2)]
    assert {session[0] for [(_, session)] in found} == {"0", "1"}


async def test_a_deleted_group_is_created_again_from_the_start(backend: Backend) -> None:
    tag = backend.keys.tags[0]
    ready = backend.redis.ready((tag,), "worker")
    ids = await add(backend, "a")
    assert await ready.read(5) == [(ids[0], "a")]
    reading = asyncio.create_task(ready.read(20))
    await asyncio.sleep(0.05)
    await backend.redis.router.command(tag, "XGROUP", "DESTROY", backend.keys.partition(tag).ready, GROUP)
    assert await reading == [(ids[0], "a")], "what waits in the stream was accepted, and waits again"
    await backend.redis.router.command(tag, "DEL", backend.keys.partition(tag).ready)
    reading = asyncio.create_task(ready.read(20))
    await asyncio.sleep(0.05)
    ids = await add(backend, "b")
    assert await reading == [(ids[0], "b")]


async def test_waking_loses_nothing_however_close_the_entry_is(backend: Backend) -> None:
    ready = backend.redis.ready(backend.keys.tags[:2], "worker")
    found = []
    for number in range(40):
        reading = asyncio.create_task(ready.read(20))
        if number % 4 != 1:
            await asyncio.sleep(0.002 * (number % 4))
        adding = asyncio.create_task(add(backend, str(number), partition=number // 2 % 2))
        if number % 3:
            await asyncio.sleep(0)
        await asyncio.wait_for(ready.wake(), 2)
        await adding
        found += await reading
    while entry := await ready.read(0):
        found += entry
    assert sorted(int(session) for _, session in found) == list(range(40))
    assert (await pending(backend), await pending(backend, 1)) == (20, 20)


async def test_an_entry_whose_reader_died_is_reclaimed_once_and_deleted_ones_never(backend: Backend) -> None:
    tag = backend.keys.tags[0]
    dead, one, two = (backend.redis.ready((tag,), name) for name in ("dead", "one", "two"))
    ids = await add(backend, *(f"s{number}" for number in range(30)))
    for _ in range(30):
        assert await dead.read(1)
    await backend.redis.router.command(tag, "XDEL", backend.keys.partition(tag).ready, ids[3], ids[7])
    assert await one.reclaim(60, 100) == []
    await asyncio.sleep(0.06)
    first, second = await asyncio.gather(one.reclaim(0.05, 20), two.reclaim(0.05, 20))
    assert sorted(first + second) == sorted((ids[n], f"s{n}") for n in range(30) if n not in (3, 7))
    assert max(len(first), len(second)) <= 20
    assert await one.reclaim(60, 100) == []


async def test_a_read_waits_out_a_killed_server(private_valkey: StartValkey, open_backend: OpenBackend) -> None:
    server = private_valkey()
    backend = await open_backend(server.address)
    ready = backend.redis.ready(backend.keys.tags[:1], "worker")
    reading = asyncio.create_task(ready.read(30))
    await asyncio.sleep(0.05)
    kill(server)
    await asyncio.sleep(0.2)
    restart(server)
    ids = await add(backend, "a")
    assert await reading == [(ids[0], "a")]


async def test_waking_while_the_server_is_gone(private_valkey: StartValkey, open_backend: OpenBackend) -> None:
    server = private_valkey()
    backend = await open_backend(server.address)
    ready = backend.redis.ready(backend.keys.tags[:1], "worker")
    reading = asyncio.create_task(ready.read(30))
    await asyncio.sleep(0.05)
    kill(server)
    await asyncio.sleep(0.1)
    await asyncio.wait_for(ready.wake(), 2)
    assert await reading == []
