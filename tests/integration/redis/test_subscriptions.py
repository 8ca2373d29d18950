"""Live messages from a real server."""

from __future__ import annotations

import asyncio
from typing import Any

import redis

from tests.conftest import StartValkey
from tests.integration.redis.conftest import OpenBackend
from tests.integration.redis.test_outages import kill, restart
from tests.integration.redis.waiting import until
from unbroken.backend import Backend


async def test_messages_arrive_in_order_from_the_confirmation_on(backend: Backend, prefix: str) -> None:
    heard: list[tuple[str, bytes]] = []
    live = backend.redis.live(lambda channel, payload: heard.append((channel, payload)), lambda channel: None)
    await live.start()
    tags = backend.keys.tags
    channels = [(f"{prefix}:{{{tags[n % len(tags)]}}}:c{n}", tags[n % len(tags)]) for n in range(200)]
    await asyncio.gather(*(live.subscribe(channel, tag) for channel, tag in channels))
    for step in range(5):
        for channel, tag in channels:
            backend.redis.router.send(tag, [("SPUBLISH", channel, str(step))])
    await until(lambda: len(heard) == 1000)
    for channel, _ in channels:
        assert [payload for name, payload in heard if name == channel] == [b"0", b"1", b"2", b"3", b"4"]


async def test_after_unsubscribing_nothing_arrives_and_the_server_forgets(backend: Backend, prefix: str) -> None:
    heard: list[bytes] = []
    live = backend.redis.live(lambda channel, payload: heard.append(payload), lambda channel: None)
    tag, channel = backend.keys.tags[0], f"{prefix}:channel"
    await live.subscribe(channel, tag)
    live.unsubscribe(channel, tag)
    await live.subscribe(channel, tag)
    assert await backend.redis.router.command(tag, "SPUBLISH", channel, "1") == 1
    await until(lambda: heard == [b"1"])
    live.unsubscribe(channel, tag)
    await live.subscribe(f"{channel}2", tag)
    assert await backend.redis.router.command(tag, "SPUBLISH", channel, "2") == 0
    assert await backend.redis.router.command(tag, "PUBSUB", "SHARDCHANNELS", f"{channel}*") == [f"{channel}2".encode()]


async def test_subscriptions_survive_a_killed_server_and_each_gets_a_gap(
    private_valkey: StartValkey, open_backend: OpenBackend
) -> None:
    server = private_valkey()
    backend = await open_backend(server.address)
    tags = backend.keys.tags
    messages: list[Any] = []
    gaps: list[str] = []
    live = backend.redis.live(lambda channel, payload: messages.append((channel, payload)), gaps.append)
    channels = {f"{{{tags[n % len(tags)]}}}:c{n}": tags[n % len(tags)] for n in range(300)}
    await asyncio.gather(*(live.subscribe(channel, tag) for channel, tag in channels.items()))
    assert gaps == []
    kill(server)
    late = asyncio.create_task(live.subscribe("late", tags[0]))
    await asyncio.sleep(0.1)
    restart(server)
    await late
    await until(lambda: len(gaps) == 300)
    assert set(gaps) == set(channels)
    for channel, tag in [*channels.items(), ("late", tags[0])]:
        assert await backend.redis.router.command(tag, "SPUBLISH", channel, "again") == 1
    await until(lambda: len(messages) == 301)
    assert {payload for _, payload in messages} == {b"again"}


async def test_a_subscriber_that_is_thrown_out_for_reading_too_slowly_comes_back(
    private_valkey: StartValkey, open_backend: OpenBackend
) -> None:
    server = private_valkey()
    backend = await open_backend(server.address)
    router, tag = backend.redis.router, backend.keys.tags[0]
    await router.command(tag, "CONFIG", "SET", "client-output-buffer-limit", "pubsub 1000000 1000000 1")
    gaps: list[str] = []
    heard: list[bytes] = []
    live = backend.redis.live(lambda channel, payload: heard.append(payload), gaps.append)
    await live.subscribe("channel", tag)
    with redis.Redis.from_url(server.address) as publisher:  # it blocks our event loop, so nobody reads
        for _ in range(2000):
            publisher.execute_command("SPUBLISH", "channel", b"x" * 5_000)
    await until(lambda: gaps == ["channel"])
    await router.command(tag, "SPUBLISH", "channel", b"small")
    await until(lambda: heard[-1:] == [b"small"])
    assert len(heard) < 2000
