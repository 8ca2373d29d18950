"""The router on a real server, in good times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from tests.conftest import StartValkey, make_settings
from tests.integration.redis.conftest import OpenBackend
from tests.integration.redis.waiting import eventually
from unbroken.backend import Backend
from unbroken.config import Settings
from unbroken.errors import Unavailable
from unbroken.redis.wire import RedisReplyError


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_thousand_callers_on_one_connection_each_get_their_own_replies(
    settings: Settings, run: Callable[..., None]
) -> None:
    async def caller(backend: Backend, number: int) -> None:
        tag = backend.keys.tags[number % len(backend.keys.tags)]
        for step in range(10):
            mine = f"{number}-{step}".encode() * (1 + number % 50)
            if number % 3 == 0:
                assert await backend.redis.router.command(tag, "ECHO", mine) == mine
            elif number % 3 == 1:
                assert await backend.redis.router.pipeline(tag, ("ECHO", mine), ("ECHO", step)) == [
                    mine,
                    str(step).encode(),
                ]
            else:
                replies = await backend.redis.router.send(tag, [("ECHO", mine), ("NOPE",), ("PING",)])
                assert replies[0] == mine
                assert isinstance(replies[1], RedisReplyError)
                assert replies[2] == b"PONG"

    async def main() -> None:
        backend = await Backend.open(settings)
        callers = [asyncio.create_task(caller(backend, number)) for number in range(1000)]
        await asyncio.sleep(0.01)
        for gone in callers[::17]:
            gone.cancel()
        results = await asyncio.gather(*callers, return_exceptions=True)
        assert [r for n, r in enumerate(results) if r is not None and n % 17] == []
        clients = await backend.redis.router.command("0", "CLIENT", "LIST", "ID", *await own_id(backend))
        assert b"name=unbroken " in clients
        await backend.close()

    run(main())


async def own_id(backend: Backend) -> tuple[int]:
    found: int = await backend.redis.router.command("0", "CLIENT", "ID")
    return (found,)


async def test_replies_have_the_shapes_of_resp3(backend: Backend, prefix: str) -> None:
    router, tag = backend.redis.router, backend.keys.tags[0]
    await router.command(tag, "HSET", f"{prefix}:h", "field", b"\x00\xff")
    assert await router.command(tag, "HGETALL", f"{prefix}:h") == {b"field": b"\x00\xff"}
    assert await router.command(tag, "GET", f"{prefix}:none") is None
    assert await router.command(tag, "EXISTS", f"{prefix}:h") == 1


async def test_forgotten_scripts_are_loaded_again(private_valkey: StartValkey, open_backend: OpenBackend) -> None:
    backend = await open_backend(private_valkey().address)
    _, session = await backend.store.create("Ada")
    for number in range(3):
        await backend.redis.router.command("0", "SCRIPT", "FLUSH")
        await asyncio.gather(*(backend.queue.accept(session.id, f"{number}.{n}", "hello") for n in range(5)))
    assert len((await backend.store.read(session.id)).messages) == 15


async def test_without_memory_the_client_is_sent_away_at_once(
    private_valkey: StartValkey, open_backend: OpenBackend
) -> None:
    backend = await open_backend(private_valkey().address)
    _, session = await backend.store.create("Ada")
    await backend.redis.router.command("0", "CONFIG", "SET", "maxmemory", "1")
    started = asyncio.get_running_loop().time()
    with pytest.raises(Unavailable, match="no memory left") as caught:
        await backend.queue.accept(session.id, "m1", "hello")
    assert asyncio.get_running_loop().time() - started < 5
    assert caught.value.retry_after > 0
    await backend.redis.router.command("0", "CONFIG", "SET", "maxmemory", "0")
    assert not (await backend.queue.accept(session.id, "m1", "hello")).duplicate


async def test_nothing_is_left_after_closing(
    private_valkey: StartValkey, open_backend: OpenBackend, prefix: str
) -> None:
    server = private_valkey()
    backend = await Backend.open(make_settings(server.address, prefix=prefix, ack="replica", ack_timeout=0.05))
    before = asyncio.all_tasks()
    live = backend.redis.live(lambda channel, payload: None, lambda channel: None)
    await live.start()
    await live.subscribe("channel", "0")
    ready = backend.redis.ready(backend.keys.tags[:1], "worker")
    assert await ready.read(0.01) == []
    await backend.close()
    assert asyncio.all_tasks() == before
    other = await open_backend(server.address)

    async def alone() -> bool:
        clients: bytes = await other.redis.router.command("0", "CLIENT", "LIST")
        return clients.count(b"name=unbroken") == 1

    await eventually(alone)
