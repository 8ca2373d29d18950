from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from tests.unit.redis.server import SILENCE, ScriptedServer, Session, until
from unbroken.errors import ConfigurationError
from unbroken.keys import Keys, tags
from unbroken.redis.dial import Dialer
from unbroken.redis.ready import Ready
from unbroken.redis.router import Router
from unbroken.redis.topology import Fixed
from unbroken.redis.wire import RedisReplyError

ENTRY = b"%1\r\n+ready\r\n*1\r\n*2\r\n+5-0\r\n*2\r\n+s\r\n+session\r\n"
TAG = "3x"


@pytest.fixture
async def build(server: ScriptedServer) -> AsyncIterator[Callable[..., Ready]]:
    opened: list[tuple[Ready, Router]] = []

    def build(timeout: float = 5, tags: tuple[str, ...] = (TAG,)) -> Ready:
        dialer, topology = Dialer(server.address, timeout / 2), Fixed()
        router = Router(dialer, topology, timeout)
        opened.append((Ready(dialer, topology, router, Keys("ub", len(tags)), tags, "worker-1"), router))
        return opened[-1][0]

    yield build
    for ready, router in opened:
        await ready.close()
        await router.close()


async def test_a_read_asks_for_one_entry_of_its_stream(server: ScriptedServer, build: Callable[..., Ready]) -> None:
    server.on("XREADGROUP", ENTRY, b"_\r\n")
    ready = build()
    assert await ready.read(1.5) == [("5-0", "session")]
    assert await ready.read(0) == []
    assert server.commands == [
        b"XREADGROUP GROUP workers worker-1 COUNT 1 BLOCK 1500 STREAMS ub:{3x}:ready >".split(),
        b"XREADGROUP GROUP workers worker-1 COUNT 1 STREAMS ub:{3x}:ready >".split(),
    ]


async def test_several_streams_are_read_together(server: ScriptedServer, build: Callable[..., Ready]) -> None:
    second = b"+other\r\n*1\r\n*2\r\n+6-0\r\n*2\r\n+s\r\n+another\r\n"
    server.on("XREADGROUP", ENTRY.replace(b"%1", b"%2") + second, b"_\r\n")
    ready = build(tags=tags(4))
    assert await ready.read(0) == [("5-0", "session"), ("6-0", "another")]
    for _ in range(3):
        assert await ready.read(0, 3) == []
    a, b, c, d = (f"ub:{{{tag}}}:ready".encode() for tag in tags(4))
    assert [words[words.index(b"STREAMS") + 1 :] for words in server.commands] == [
        [a, b, c, d, *[b">"] * 4],
        [a, b, c, *[b">"] * 3],
        [d, a, b, *[b">"] * 3],
        [c, d, a, *[b">"] * 3],
    ]


async def test_one_missing_group_makes_sure_of_all(server: ScriptedServer, build: Callable[..., Ready]) -> None:
    server.on("XREADGROUP", b"-NOGROUP No such key\r\n", ENTRY)
    exists = b"-BUSYGROUP Consumer Group name already exists\r\n"
    server.on("XGROUP", exists, b"+OK\r\n", exists, exists)
    assert await build(tags=tags(4)).read(1) == [("5-0", "session")]
    assert [words[2] for words in server.named("XGROUP")] == [f"ub:{{{tag}}}:ready".encode() for tag in tags(4)]


@pytest.mark.parametrize(
    "trouble",
    [
        b"-LOADING Redis is loading\r\n",
        b"-TRYAGAIN now\r\n",
        b"-CLUSTERDOWN now\r\n",
        b"-ASK 1 127.0.0.1:1\r\n",
        b"-READONLY You can't write\r\n",
        b"-MISCONF Errors writing\r\n",
        b"-UNBLOCKED the stream key no longer exists\r\n",
    ],
)
async def test_what_passes_is_waited_out(server: ScriptedServer, build: Callable[..., Ready], trouble: bytes) -> None:
    server.on("XREADGROUP", trouble, ENTRY)
    assert await build().read(1) == [("5-0", "session")]


async def test_a_missing_group_is_created_from_the_start(server: ScriptedServer, build: Callable[..., Ready]) -> None:
    server.on("XREADGROUP", b"-NOGROUP No such key\r\n", b"-NOGROUP No such key\r\n", ENTRY)
    server.on("XGROUP", b"+OK\r\n", b"-BUSYGROUP Consumer Group name already exists\r\n")
    assert await build().read(1) == [("5-0", "session")]
    assert server.named("XGROUP") == [b"XGROUP CREATE ub:{3x}:ready workers 0 MKSTREAM".split()] * 2


async def test_a_group_that_cannot_be_created_now_is_created_later(
    server: ScriptedServer, build: Callable[..., Ready]
) -> None:
    server.on("XREADGROUP", b"-NOGROUP No such key\r\n", b"-NOGROUP No such key\r\n", ENTRY)
    server.on("XGROUP", b"-OOM command not allowed\r\n", b"+OK\r\n")
    assert await build().read(1) == [("5-0", "session")]


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (b"-WRONGTYPE Operation against a key\r\n", RedisReplyError),
        (b"-NOPERM this user has no permissions\r\n", RedisReplyError),
        (b"-MOVED 1 127.0.0.1:1\r\n", ConfigurationError),
    ],
)
async def test_what_does_not_pass_is_raised(
    server: ScriptedServer, build: Callable[..., Ready], refusal: bytes, error: type[Exception]
) -> None:
    server.on("XREADGROUP", refusal)
    with pytest.raises(error):
        await build().read(1)


async def test_a_group_that_may_not_be_created_is_raised(server: ScriptedServer, build: Callable[..., Ready]) -> None:
    server.on("XREADGROUP", b"-NOGROUP No such key\r\n")
    server.on("XGROUP", b"-NOPERM this user has no permissions\r\n")
    with pytest.raises(RedisReplyError, match="NOPERM"):
        await build().read(1)


async def test_a_lost_connection_is_waited_out(server: ScriptedServer, build: Callable[..., Ready]) -> None:
    server.on("XREADGROUP", lambda session: session.cut(b"%1\r\n+ready"), lambda session: session.cut(), ENTRY)
    assert await build().read(1) == [("5-0", "session")]
    assert len(server.sessions) == 3


async def test_a_server_that_froze_is_found_although_the_read_may_block(
    server: ScriptedServer, build: Callable[..., Ready]
) -> None:
    server.on("XREADGROUP", SILENCE, ENTRY)
    assert await build(timeout=0.1).read(0.1) == [("5-0", "session")]


async def test_a_read_may_block_longer_than_any_other_reply_may_take(
    server: ScriptedServer, build: Callable[..., Ready]
) -> None:
    server.on("XREADGROUP", SILENCE)
    reading = asyncio.create_task(build(timeout=0.08).read(5))
    await until(lambda: bool(server.named("XREADGROUP")))
    await asyncio.sleep(0.15)
    server.sessions[0].writer.write(ENTRY)
    assert await reading == [("5-0", "session")]
    assert len(server.sessions) == 1


async def test_waking_ends_a_blocked_read_and_nothing_else(server: ScriptedServer, build: Callable[..., Ready]) -> None:
    server.on("XREADGROUP", SILENCE)

    def unblock(session: Session) -> bytes:
        server.sessions[0].writer.write(b"_\r\n")
        return b":1\r\n"

    server.on("CLIENT UNBLOCK", b":0\r\n", unblock)  # the first one arrives before the read does
    ready = build()
    await ready.wake()
    reading = asyncio.create_task(ready.read(60))
    await until(lambda: bool(server.named("XREADGROUP")))
    await ready.wake()
    assert await reading == []
    assert server.named("CLIENT") == [b"CLIENT UNBLOCK 7 TIMEOUT".split()] * 2
    assert len([session for session in server.sessions if not session.writer.is_closing()]) == 2


async def test_an_entry_that_comes_with_the_waking_is_not_lost(
    server: ScriptedServer, build: Callable[..., Ready]
) -> None:
    server.on("XREADGROUP", SILENCE)
    server.on("CLIENT UNBLOCK", lambda session: server.sessions[0].writer.write(ENTRY) or b":0\r\n")  # type: ignore[func-returns-value]
    ready = build()
    reading = asyncio.create_task(ready.read(60))
    await until(lambda: bool(server.named("XREADGROUP")))
    await ready.wake()
    assert await reading == [("5-0", "session")]


async def test_waking_without_the_permission_to_unblock_drops_the_connection(
    server: ScriptedServer, build: Callable[..., Ready]
) -> None:
    server.on("XREADGROUP", SILENCE)
    server.on("CLIENT UNBLOCK", b"-NOPERM this user has no permissions\r\n")
    ready = build()
    reading = asyncio.create_task(ready.read(60))
    await until(lambda: bool(server.named("XREADGROUP")))
    await asyncio.wait_for(ready.wake(), 0.5)
    assert await reading == []


async def test_waking_ends_the_wait_for_a_server_that_is_gone(
    server: ScriptedServer, build: Callable[..., Ready]
) -> None:
    ready = build()
    server.on("HELLO", SILENCE)
    reading = asyncio.create_task(ready.read(60))
    await until(lambda: bool(server.sessions))
    await asyncio.wait_for(ready.wake(), 1)
    assert await reading == []


async def test_waking_ends_the_wait_for_a_server_that_is_in_trouble(
    server: ScriptedServer, build: Callable[..., Ready]
) -> None:
    server.on("XREADGROUP", b"-MISCONF Errors writing\r\n")
    ready = build()
    reading = asyncio.create_task(ready.read(60))
    await until(lambda: bool(server.named("XREADGROUP")))
    await asyncio.sleep(0.01)
    await ready.wake()
    assert await reading == []


async def test_a_cancelled_read_does_not_go_on_at_the_server(
    server: ScriptedServer, build: Callable[..., Ready]
) -> None:
    server.on("XREADGROUP", SILENCE, ENTRY)
    ready = build()
    reading = asyncio.create_task(ready.read(60))
    await until(lambda: bool(server.named("XREADGROUP")))
    reading.cancel()
    await until(lambda: server.sessions[0].writer.is_closing())
    assert await ready.read(1) == [("5-0", "session")]


async def test_closing_ends_a_read(server: ScriptedServer, build: Callable[..., Ready]) -> None:
    server.on("XREADGROUP", SILENCE)
    ready = build()
    reading = asyncio.create_task(ready.read(60))
    await until(lambda: bool(server.named("XREADGROUP")))
    await ready.close()
    assert await reading == []


async def test_reclaiming_goes_on_where_it_stopped(server: ScriptedServer, build: Callable[..., Ready]) -> None:
    rows = b"*2\r\n*2\r\n+1-0\r\n*2\r\n+s\r\n+one\r\n*2\r\n+2-0\r\n*2\r\n+s\r\n+two\r\n"
    one = b"*1\r\n*2\r\n+3-0\r\n*2\r\n+s\r\n+three\r\n"
    server.on(
        "XAUTOCLAIM",
        b"*3\r\n$3\r\n2-1\r\n*0\r\n*1\r\n+9-0\r\n",  # one was deleted, and there are more
        b"*3\r\n$3\r\n3-0\r\n" + rows + b"*0\r\n",
        b"*3\r\n$3\r\n0-0\r\n" + one + b"*0\r\n",
    )
    ready = build()
    assert await ready.reclaim(1.5, 2) == [("1-0", "one"), ("2-0", "two")]
    assert await ready.reclaim(1.5, 2) == [("3-0", "three")]
    command = b"XAUTOCLAIM ub:{3x}:ready workers worker-1 1500 %b COUNT 2"
    assert server.commands == [(command % cursor).split() for cursor in (b"0-0", b"2-1", b"3-0")]


async def test_reclaiming_goes_through_all_streams_and_takes_no_more_than_asked(
    server: ScriptedServer, build: Callable[..., Ready]
) -> None:
    def reply(cursor: bytes, *entries: bytes) -> bytes:
        rows = b"".join(b"*2\r\n+%b\r\n*2\r\n+s\r\n+s%b\r\n" % (entry, entry) for entry in entries)
        return b"*3\r\n+%b\r\n*%d\r\n%b*0\r\n" % (cursor, len(entries), rows)

    nothing = reply(b"0-0")
    server.on(
        "XAUTOCLAIM", nothing, reply(b"0-0", b"1-0"), nothing, reply(b"2-1", b"2-0"), reply(b"0-0", b"3-0"), nothing
    )
    ready = build(tags=tags(4))
    assert await ready.reclaim(1, 3) == [("1-0", "s1-0"), ("2-0", "s2-0"), ("3-0", "s3-0")]
    a, b, c, d = (f"ub:{{{tag}}}:ready".encode() for tag in tags(4))
    asked = [(words[1], words[5], words[7]) for words in server.named("XAUTOCLAIM")]
    assert asked[:3] == [(stream, b"0-0", b"1") for stream in (a, b, c)], "no more than three may be found"
    assert asked[3:] == [(d, b"0-0", b"2"), (d, b"2-1", b"1")]


async def test_reclaiming_without_a_group_creates_it(server: ScriptedServer, build: Callable[..., Ready]) -> None:
    server.on("XAUTOCLAIM", b"-NOGROUP No such key\r\n")
    ready = build()
    assert await ready.reclaim(1, 2) == []
    assert len(server.named("XGROUP")) == 1
    server.on("XAUTOCLAIM", b"-NOPERM no\r\n")
    with pytest.raises(RedisReplyError):
        await ready.reclaim(1, 2)
