from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.unit.redis.server import SILENCE, Answer, ScriptedServer, Session, until
from unbroken.errors import ConfigurationError, Unavailable
from unbroken.redis.dial import Dialer
from unbroken.redis.live import Live
from unbroken.redis.topology import Fixed, Node


def confirm(session: Session) -> bytes:
    """What Redis answers to the newest (un)subscribe of a connection."""
    kind, *channels = session.commands[-1]
    return b"".join(b">3\r\n+%b\r\n+%b\r\n:1\r\n" % (kind.lower(), channel) for channel in channels)


@pytest.fixture
def heard() -> list[Any]:
    return []


@pytest.fixture
async def build(server: ScriptedServer, heard: list[Any]) -> AsyncIterator[Callable[..., Live]]:
    server.on("SSUBSCRIBE", confirm)
    server.on("SUNSUBSCRIBE", confirm)
    lives: list[Live] = []

    def build(topology: Any = None, timeout: float = 5, on_message: Any = None, probe: float = 10) -> Live:
        listener = on_message or (lambda channel, payload: heard.append((channel, payload)))
        dialer = Dialer(server.address, min(2, timeout / 2))
        lives.append(Live(dialer, topology or Fixed(), timeout, listener, heard.append, probe=probe))
        return lives[-1]

    yield build
    for live in lives:
        await live.close()


def publish(server: ScriptedServer, channel: bytes, payload: bytes, session: int = -1) -> None:
    server.sessions[session].writer.write(b">3\r\n+smessage\r\n+%b\r\n+%b\r\n" % (channel, payload))


async def test_messages_of_wanted_channels_arrive(
    server: ScriptedServer, build: Callable[..., Live], heard: list[Any]
) -> None:
    live = build()
    await live.start()
    await live.subscribe("a", "t")
    publish(server, b"a", b"1")
    publish(server, b"other", b"2")
    server.sessions[0].writer.write(b">2\r\n+invalidate\r\n*1\r\n+key\r\n>1\r\n+unknown\r\n")
    publish(server, b"a", b"3")
    await until(lambda: len(heard) == 2)
    assert heard == [("a", b"1"), ("a", b"3")]
    live.unsubscribe("a", "t")
    live.unsubscribe("a", "t")
    publish(server, b"a", b"4")
    await until(lambda: bool(server.named("SUNSUBSCRIBE")))
    await live.subscribe("b", "t")
    assert len(heard) == 2
    assert len(server.named("SUNSUBSCRIBE")) == 1


async def test_after_a_loss_every_channel_is_subscribed_to_again_and_gets_a_gap(
    server: ScriptedServer, build: Callable[..., Live], heard: list[Any]
) -> None:
    live = build()
    await asyncio.gather(*(live.subscribe(f"{tag}{n}", tag) for tag in ("s", "t") for n in range(600)))
    live.unsubscribe("s7", "s")
    server.sessions[0].cut()
    await until(lambda: len(heard) == 1199)
    assert set(heard) == {f"{tag}{n}" for tag in ("s", "t") for n in range(600)} - {"s7"}
    again = [words[1:] for words in server.sessions[1].commands]
    assert [len(words) for words in again] == [500, 99, 500, 100]
    assert all(len({word[:1] for word in words}) == 1 for words in again), "the channels of a command share a slot"
    publish(server, b"s8", b"x")
    await until(lambda: heard[-1] == ("s8", b"x"))


async def test_a_subscription_under_way_survives_the_loss_without_a_gap(
    server: ScriptedServer, build: Callable[..., Live], heard: list[Any]
) -> None:
    server.on("SSUBSCRIBE", lambda session: session.cut(), confirm)
    await build().subscribe("a", "t")
    assert heard == []
    assert len(server.sessions) == 2


async def test_a_connection_that_died_silently_is_found(
    server: ScriptedServer, build: Callable[..., Live], heard: list[Any]
) -> None:
    live = build(timeout=0.2, probe=0.05)
    await live.subscribe("a", "t")
    server.on("PING", SILENCE, b"+PONG\r\n")
    await until(lambda: heard == ["a"])
    assert len(server.sessions) == 2


async def test_no_confirmation_in_time_is_unavailable_and_the_channel_is_not_wanted_any_more(
    server: ScriptedServer, build: Callable[..., Live], heard: list[Any]
) -> None:
    server.on("SSUBSCRIBE", SILENCE)
    live = build(timeout=0.1)
    with pytest.raises(Unavailable):
        await live.subscribe("a", "t")
    assert live._wanted == {}


async def test_a_cancelled_caller_does_not_keep_the_channel(server: ScriptedServer, build: Callable[..., Live]) -> None:
    server.on("SSUBSCRIBE", SILENCE)
    live = build()
    callers = [asyncio.create_task(live.subscribe("a", "t")) for _ in range(2)]
    await until(lambda: bool(server.named("SSUBSCRIBE")))
    callers[0].cancel()
    await asyncio.sleep(0.01)
    assert list(live._wanted) == [b"a"]
    server.sessions[0].writer.write(b">3\r\n+ssubscribe\r\n+a\r\n:1\r\n")
    await callers[1]
    again = asyncio.create_task(live.subscribe("b", "t"))
    await until(lambda: len(server.named("SSUBSCRIBE")) == 2)
    again.cancel()
    await until(lambda: list(live._wanted) == [b"a"])


async def test_a_server_that_cannot_be_reached_is_unavailable(
    server: ScriptedServer, build: Callable[..., Live]
) -> None:
    live = build(timeout=0.2)
    server.stop_listening()
    await live.start()
    with pytest.raises(Unavailable):
        await live.subscribe("a", "t")


async def test_a_subscription_that_the_server_ended_is_renewed_with_a_gap(
    server: ScriptedServer, build: Callable[..., Live], heard: list[Any]
) -> None:
    live = build()
    await live.subscribe("a", "t")
    server.sessions[0].writer.write(b">3\r\n+sunsubscribe\r\n+a\r\n:0\r\n>3\r\n+sunsubscribe\r\n+other\r\n:0\r\n")
    await until(lambda: heard == ["a"])
    assert server.named("SSUBSCRIBE") == [[b"SSUBSCRIBE", b"a"]] * 2
    assert len(server.sessions) == 1


class Moving:
    """A topology whose one slot moves when it is told so."""

    def __init__(self, node: Node) -> None:
        self.owner = node

    def node(self, tag: str) -> Node:
        return self.owner

    def moved(self, slot: int, node: Node) -> None:
        self.owner = node

    async def refresh(self) -> None:
        pass


async def test_a_subscription_follows_its_slot(
    server: ScriptedServer, build: Callable[..., Live], heard: list[Any]
) -> None:
    async with ScriptedServer() as second:
        second.on("SSUBSCRIBE", confirm)
        moved = b"-MOVED 1 127.0.0.1:%d\r\n" % second.port
        answers: list[Answer] = [moved, confirm, moved]
        server.on("SSUBSCRIBE", *answers)
        topology = Moving(Node("127.0.0.1", server.port))
        live = build(topology)
        await live.subscribe("first", "t")
        publish(second, b"first", b"1")
        await until(lambda: heard == [("first", b"1")])
        topology.owner = Node("127.0.0.1", server.port)
        await live.subscribe("second", "t")
        server.sessions[0].writer.write(b">3\r\n+sunsubscribe\r\n+second\r\n:0\r\n")
        await until(lambda: heard[1:] == ["second"])
        publish(second, b"second", b"2")
        await until(lambda: heard[2:] == [("second", b"2")])
        await live.close()


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (b"-NOPERM this user has no permissions to access one of the channels\r\n", Unavailable),
        (b"-MOVED 1 127.0.0.1:1\r\n", ConfigurationError),
    ],
)
async def test_a_refusal_for_good_reaches_its_caller_and_nobody_else(
    server: ScriptedServer,
    build: Callable[..., Live],
    caplog: pytest.LogCaptureFixture,
    refusal: bytes,
    error: type[Exception],
) -> None:
    server.on("SSUBSCRIBE", refusal, confirm)
    live = build()
    with pytest.raises(error):
        await live.subscribe("a", "t")
    assert "Redis refuses 1 subscriptions" in caplog.text
    await live.subscribe("b", "t")
    assert list(live._wanted) == [b"b"]


async def test_a_listener_that_fails_harms_nobody(
    server: ScriptedServer, build: Callable[..., Live], caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[bytes] = []

    def listener(channel: str, payload: bytes) -> None:
        seen.append(payload)
        raise ValueError("mine")

    caplog.set_level(logging.ERROR)
    live = build(on_message=listener)
    await live.subscribe("a", "t")
    publish(server, b"a", b"1")
    publish(server, b"a", b"2")
    await until(lambda: seen == [b"1", b"2"])
    assert "a listener of live messages failed" in caplog.text
    assert len(server.sessions) == 1


async def test_closing_fails_those_who_wait(server: ScriptedServer, build: Callable[..., Live]) -> None:
    server.on("SSUBSCRIBE", SILENCE)
    live = build()
    waiting = asyncio.create_task(live.subscribe("a", "t"))
    await until(lambda: bool(server.named("SSUBSCRIBE")))
    await live.close()
    with pytest.raises(Unavailable, match="closed"):
        await waiting
