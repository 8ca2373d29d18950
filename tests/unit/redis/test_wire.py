from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.unit.redis.server import SILENCE, ScriptedServer, until
from unbroken.redis.wire import RedisReplyError, Wire


@asynccontextmanager
async def connected(server: ScriptedServer, **options: Any) -> AsyncIterator[Wire]:
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(lambda: Wire(**options), "127.0.0.1", server.port)
    try:
        yield wire
    finally:
        await wire.close()


class Recorder(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


async def test_the_commands_of_one_tick_leave_in_one_write() -> None:
    wire, transport = Wire(), Recorder()
    wire.connection_made(transport)
    calls = [asyncio.create_task(_await(wire.call("ECHO", number))) for number in range(3)]
    await asyncio.sleep(0.01)
    assert transport.writes == [
        b"*2\r\n$4\r\nECHO\r\n$1\r\n0\r\n*2\r\n$4\r\nECHO\r\n$1\r\n1\r\n*2\r\n$4\r\nECHO\r\n$1\r\n2\r\n"
    ]
    wire.data_received(b"+a\r\n+b\r\n+c\r\n")
    assert await asyncio.gather(*calls) == [b"a", b"b", b"c"]
    wire.connection_lost(None)


async def _await(future: asyncio.Future[Any]) -> Any:
    return await future


async def test_replies_split_anywhere_with_pushes_between_resolve_in_order() -> None:
    pushes: list[list[Any]] = []
    stream = b">2\r\n+first\r\n+x\r\n$3\r\nabc\r\n*2\r\n:1\r\n-ERR inner\r\n"
    stream += b">1\r\n+second\r\n-WRONGTYPE no\r\n%1\r\n+k\r\n_\r\n"
    for size in range(1, len(stream)):
        pushes.clear()
        wire = Wire(on_push=pushes.append)
        wire.connection_made(Recorder())
        one = wire.call("A")
        two = wire.batch([("B",), ("C",)])
        three = wire.call("D")
        for start in range(0, len(stream), size):
            wire.data_received(stream[start : start + size])
        assert one.result() == b"abc"
        nested, failed = two.result()
        assert nested[0] == 1
        assert isinstance(nested[1], RedisReplyError)
        assert isinstance(failed, RedisReplyError)
        assert failed.code == "WRONGTYPE"
        assert three.result() == {b"k": None}
        assert pushes == [[b"first", b"x"], [b"second"]]
        wire.connection_lost(None)


async def test_an_error_reply_is_the_exception_of_its_call(server: ScriptedServer) -> None:
    server.on("XADD", b"-WRONGTYPE Operation against a key\r\n")
    async with connected(server) as wire:
        with pytest.raises(RedisReplyError, match=r"^WRONGTYPE Operation against a key$") as caught:
            await wire.call("XADD", "k", "*", "a", 1)
        assert caught.value.code == "WRONGTYPE"
        assert await wire.call("SET", "k", b"\xff") == b"OK"
    assert server.commands[1] == [b"SET", b"k", b"\xff"]


async def test_a_cancelled_caller_leaves_the_others_their_own_replies(server: ScriptedServer) -> None:
    server.on("ECHO", *(b"+%d\r\n" % number for number in range(10)))
    async with connected(server) as wire:
        calls = [wire.call("ECHO", number) for number in range(9)]
        batch = wire.batch([("ECHO", 9), ("SET", "a", "b")])
        for index in (0, 3, 4, 8):
            calls[index].cancel()
        batch.cancel()
        last = wire.call("PING")
        for index in (1, 2, 5, 6, 7):
            assert await calls[index] == b"%d" % index
        assert await last == b"PONG"


async def test_an_empty_batch_is_answered_without_asking(server: ScriptedServer) -> None:
    async with connected(server) as wire:
        assert await wire.batch([]) == []
    assert server.commands == []


async def test_text_that_is_none_is_refused_before_anything_is_sent(server: ScriptedServer) -> None:
    async with connected(server) as wire:
        with pytest.raises(UnicodeEncodeError):
            wire.call("SET", "k", "\ud800")
        with pytest.raises(UnicodeEncodeError):
            wire.batch([("SET", "k", "v"), ("SET", "k", "\ud800")])
        assert await wire.call("PING") == b"PONG"
    assert [words[0] for words in server.commands] == [b"PING"]


async def test_a_cut_mid_reply_fails_everything_that_waits_and_everything_after(server: ScriptedServer) -> None:
    losses: list[str] = []
    server.on("GET", b"$3\r\nabc\r\n", lambda session: session.cut(b"$10\r\nabc"))
    async with connected(server, on_lost=lambda _, reason: losses.append(reason)) as wire:
        first, second, third = wire.call("GET", "a"), wire.call("GET", "b"), wire.batch([("GET", "c")])
        subscription = wire.subscribe("channel")
        assert await first == b"abc"
        for future in (second, third, subscription):
            with pytest.raises(ConnectionError, match="the connection to Redis was lost: Redis closed the connection"):
                await future
        assert not wire.open
        assert await wire.ended() == "Redis closed the connection"
        with pytest.raises(ConnectionError, match="Redis closed the connection"):
            wire.call("PING")
    assert losses == ["Redis closed the connection"]


async def test_a_reply_that_does_not_come_breaks_the_connection(server: ScriptedServer) -> None:
    server.on("GET", SILENCE)
    async with connected(server, patience=0.1) as wire:
        with pytest.raises(ConnectionError, match=r"no reply for 0\.\d s"):
            await asyncio.wait_for(wire.call("GET", "a"), 2)


async def test_patience_counts_from_the_command_and_not_from_the_last_reply(server: ScriptedServer) -> None:
    server.on("GET", SILENCE)
    async with connected(server, patience=0.1, probe=60) as wire:
        await asyncio.sleep(0.12)
        started = asyncio.get_running_loop().time()
        with pytest.raises(ConnectionError, match="no reply"):
            await asyncio.wait_for(wire.call("GET", "a"), 2)
        assert asyncio.get_running_loop().time() - started >= 0.09


async def test_an_idle_connection_is_probed_and_lives(server: ScriptedServer) -> None:
    async with connected(server, probe=0.02, patience=1) as wire:
        await until(lambda: len(server.named("PING")) >= 3)
        assert wire.open
        assert await wire.call("ECHO", "x") == b"OK"


async def test_a_silent_death_is_found_without_any_caller(server: ScriptedServer) -> None:
    server.on("PING", SILENCE)
    async with connected(server, probe=0.02, patience=0.05) as wire:
        assert "no reply" in await asyncio.wait_for(wire.ended(), 2)


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 400 Bad Request\r\n", b"+nobody asked\r\n"])
async def test_a_peer_that_is_no_redis_is_left(server: ScriptedServer, garbage: bytes) -> None:
    async with connected(server) as wire:
        await until(lambda: bool(server.sessions))
        server.sessions[0].writer.write(garbage)
        assert "it " in await asyncio.wait_for(wire.ended(), 2)


async def test_a_subscription_is_confirmed_by_pushes_and_refused_by_a_reply(server: ScriptedServer) -> None:
    pushes: list[list[Any]] = []
    server.on(
        "SSUBSCRIBE",
        b">3\r\n+ssubscribe\r\n+a\r\n:1\r\n>3\r\n+smessage\r\n+a\r\n+early\r\n>3\r\n+ssubscribe\r\n+b\r\n:2\r\n",
        b"-MOVED 1 127.0.0.1:1\r\n",
        b">3\r\n+ssubscribe\r\n+d\r\n:3\r\n",
    )
    server.on("SUNSUBSCRIBE", b">3\r\n+sunsubscribe\r\n+b\r\n:2\r\n>3\r\n+sunsubscribe\r\n+a\r\n:1\r\n")
    async with connected(server, on_push=pushes.append) as wire:
        first, ping = wire.subscribe("a", "b"), wire.call("PING")
        refused, again = wire.subscribe("c"), wire.call("PING")
        last, gone = wire.subscribe("d"), wire.unsubscribe("a")
        await first
        assert await ping == b"PONG"
        with pytest.raises(RedisReplyError, match="MOVED"):
            await refused
        assert await again == b"PONG"
        await last
        await gone
        assert await wire.call("PING") == b"PONG"
        # what confirms is not passed on; what the server does of its own accord is
        server.sessions[0].writer.write(b">3\r\n+sunsubscribe\r\n+d\r\n:0\r\n")
        await until(lambda: len(pushes) == 3)
    assert pushes == [[b"smessage", b"a", b"early"], [b"sunsubscribe", b"b", 2], [b"sunsubscribe", b"d", 0]]


async def test_a_peer_that_does_not_read_makes_callers_wait_and_then_go_on() -> None:
    reading, finished = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reading.wait()
        while await reader.read(1 << 20):
            pass
        writer.close()
        await writer.wait_closed()
        finished.set()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    _, wire = await asyncio.get_running_loop().create_connection(Wire, "127.0.0.1", port)
    big = b"x" * (1 << 20)
    for _ in range(64):
        call = wire.call("SET", "k", big)
        await asyncio.sleep(0)
        if wire.paused:
            break
    assert wire.paused
    waiting = asyncio.create_task(wire.writable())
    await asyncio.sleep(0.02)
    assert not waiting.done()
    reading.set()
    await asyncio.wait_for(waiting, 5)
    await wire.close()
    with pytest.raises(ConnectionError):
        await call
    await finished.wait()
    listener.close()


async def test_closing_writes_what_is_left_and_tells_nobody(server: ScriptedServer) -> None:
    losses: list[str] = []
    async with connected(server, on_lost=lambda _, reason: losses.append(reason)) as wire:
        call = wire.call("SET", "a", "b")
    with pytest.raises(ConnectionError, match="closed"):
        await call
    await until(lambda: server.commands == [[b"SET", b"a", b"b"]])
    assert losses == []
    await wire.close()
