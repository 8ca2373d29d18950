from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from redis.asyncio.connection import Connection

from tests.unit.redis.server import SILENCE, ScriptedServer, hello
from unbroken.errors import ConfigurationError
from unbroken.redis import dial
from unbroken.redis.dial import Dialer, LoginRefused, NotPrimary
from unbroken.redis.topology import Node
from unbroken.redis.wire import Wire

HERE = Node()


async def test_redis_py_keeps_its_private_parts_where_we_take_them_from(server: ScriptedServer) -> None:
    """The contract with the pinned version. If this fails after an update, look at `hand_over`."""
    connection: Any = Connection(host="127.0.0.1", port=server.port, protocol=3)
    await connection.connect()
    assert isinstance(connection._reader, asyncio.StreamReader)
    assert isinstance(connection._writer, asyncio.StreamWriter)
    assert isinstance(connection._reader._buffer, bytearray)  # type: ignore[attr-defined]
    assert connection._parser._reader.has_data() is False
    wire = Wire()
    dial.hand_over(connection, wire)
    assert not connection.is_connected
    assert await wire.call("PING") == b"PONG"
    del connection  # its finalizer must neither warn nor close
    assert await wire.call("PING") == b"PONG"
    await wire.close()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_the_hand_over_works_on_both_event_loops(run: Callable[..., None]) -> None:
    async def main() -> None:
        async with ScriptedServer() as server:
            wire, greeting = await Dialer(server.address, 2).dial(HERE, "test")
            assert greeting == (7, "valkey", "9.1.2", "standalone", "master")
            assert await wire.call("PING") == b"PONG"
            await wire.close()

    run(main())


async def test_what_redis_py_had_received_is_not_lost(server: ScriptedServer) -> None:
    connection = Connection(host="127.0.0.1", port=server.port, protocol=3)
    await connection.connect()  # type: ignore[no-untyped-call]
    pushes: list[Any] = []
    reader: Any = connection._reader
    server.sessions[0].writer.write(b">2\r\n+smessage\r\n+a\r\n")
    async with asyncio.timeout(2):
        while not reader._buffer:
            await asyncio.sleep(0.001)
    wire = Wire(on_push=pushes.append)
    dial.hand_over(connection, wire)
    assert pushes == [[b"smessage", b"a"]]
    await wire.close()


async def test_a_server_that_hangs_up_right_after_the_login_is_noticed_at_once(server: ScriptedServer) -> None:
    connection: Any = Connection(host="127.0.0.1", port=server.port, protocol=3)
    await connection.connect()
    server.sessions[0].cut()
    async with asyncio.timeout(2):
        while not connection._reader.at_eof():
            await asyncio.sleep(0.001)
    with pytest.raises(ConnectionError, match="hung up"):
        dial.hand_over(connection, Wire())
    await connection.disconnect(nowait=True)


@pytest.mark.parametrize("where", ["connect", "hand_over"])
async def test_uvloop_says_otherwise_that_a_server_hung_up(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Whoever repeats a dial after a ConnectionError, as all do, must not be ended by another exception."""

    async def connect(self: Connection) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    def hand_over(connection: Connection, wire: Wire) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    if where == "connect":
        monkeypatch.setattr(Connection, "connect", connect)
    else:
        monkeypatch.setattr(dial, "hand_over", hand_over)
    with pytest.raises(ConnectionError, match="the handler is closed"):
        await Dialer(server.address, 2).dial(HERE, "test")


async def test_without_the_private_parts_it_connects_by_itself(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def renamed(connection: Any, wire: Wire) -> None:
        raise AttributeError("'Connection' object has no attribute '_reader'")

    monkeypatch.setattr(dial, "hand_over", renamed)
    wire, greeting = await Dialer(f"redis://me:s3cret@127.0.0.1:{server.port}/2", 2).dial(HERE, "test")
    assert greeting.product == "valkey"
    assert await wire.call("PING") == b"PONG"
    assert server.logins[-2] == [b"HELLO", b"3", b"AUTH", b"me", b"s3cret"]
    assert server.commands[-2:] == [[b"SELECT", b"2"], [b"PING"]]
    assert "redis-py is not as expected" in caplog.text
    assert "s3cret" not in caplog.text
    await wire.close()
    server.on("HELLO", hello(), b"-WRONGPASS invalid username-password pair\r\n")
    with pytest.raises(LoginRefused, match="WRONGPASS"):
        await Dialer(server.address, 2).dial(HERE, "test")


@pytest.mark.parametrize(
    "refusal",
    [
        b"-NOAUTH HELLO must be called with the client already authenticated\r\n",
        b"-WRONGPASS invalid username-password pair or user is disabled.\r\n",
    ],
)
async def test_a_refused_login_is_told_apart(server: ScriptedServer, refusal: bytes) -> None:
    server.on("HELLO", refusal)
    with pytest.raises(LoginRefused):
        await Dialer(server.address, 2).dial(HERE, "test")


async def test_a_replica_is_refused(server: ScriptedServer) -> None:
    server.on("HELLO", hello(role="replica"))
    with pytest.raises(NotPrimary, match=rf"127.0.0.1:{server.port} is a replica"):
        await Dialer(server.address, 2).dial(HERE, "test")


async def test_a_proxy_that_says_little_is_taken_for_a_primary(server: ScriptedServer) -> None:
    server.on("HELLO", b"%1\r\n+proto\r\n:3\r\n")
    wire, greeting = await Dialer(server.address, 2).dial(HERE, "test")
    assert greeting == (0, "redis", "0", "standalone", "master")
    await wire.close()


async def test_a_server_that_does_not_answer_is_given_up(server: ScriptedServer) -> None:
    server.on("HELLO", hello(), SILENCE)
    with pytest.raises(ConnectionError, match=r"did not answer within 0\.1 s"):
        await Dialer(server.address, 0.1).dial(HERE, "test")


async def test_nobody_there_is_a_connection_error(server: ScriptedServer) -> None:
    server.stop_listening()
    with pytest.raises(ConnectionError, match="Connect"):
        await Dialer(server.address, 2).dial(HERE, "test")


async def test_another_node_is_dialled_with_the_same_login(server: ScriptedServer) -> None:
    dialer = Dialer("redis://localhost:1", 2)
    wire, _ = await dialer.dial(Node("127.0.0.1", server.port), "test")
    assert await wire.call("PING") == b"PONG"
    assert dialer.describe(Node("127.0.0.1", 7)) == "127.0.0.1:7"
    await wire.close()


async def test_the_url_cannot_change_what_is_ours(server: ScriptedServer) -> None:
    url = f"{server.address}?protocol=2&retry_on_timeout=yes&health_check_interval=1&socket_timeout=99"
    wire, _ = await Dialer(url, 2).dial(HERE, "test")
    assert server.logins[0] == [b"HELLO", b"3"]
    assert await wire.call("PING") == b"PONG"
    await wire.close()


@pytest.mark.parametrize(
    "address", ["redis://me:s3cret@host:port", "http://me:s3cret@host", "redis://h?protocol=x", "redis://h?typo=1"]
)
def test_an_unreadable_address_is_not_repeated_in_the_error(address: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Dialer(address, 2)
    assert "REDIS_URL cannot be read" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("redis://me:s3cret@example.org:6380/1", "example.org:6380"),
        ("rediss://example.org", "example.org:6379"),
        ("unix://me:s3cret@/run/redis.sock", "/run/redis.sock"),
    ],
)
def test_a_server_is_named_without_credentials(address: str, where: str) -> None:
    assert Dialer(address, 2).describe(HERE) == where


async def test_an_outage_is_told_once_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "unbroken.redis")
    dialer = Dialer("redis://localhost:7", 2)
    dialer.found(HERE)
    for _ in range(3):
        dialer.lost(HERE, "Redis closed the connection")
    dialer.lost(HERE, "it is a replica", NotPrimary)
    dialer.lost(HERE, "it is a replica", NotPrimary)
    dialer.found(HERE)
    dialer.found(HERE)
    assert [record.getMessage() for record in caplog.records] == [
        "lost Redis at localhost:7: Redis closed the connection",
        "lost Redis at localhost:7: it is a replica",
        "Redis at localhost:7 is back after 0.0 s",
    ]
