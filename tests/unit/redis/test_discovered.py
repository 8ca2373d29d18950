from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from tests.unit.redis.server import SILENCE, ScriptedServer, hello, until
from unbroken.errors import ConfigurationError
from unbroken.keys import slot
from unbroken.redis import discovered
from unbroken.redis.cluster import Cluster
from unbroken.redis.dial import Dialer
from unbroken.redis.sentinel import Sentinels
from unbroken.redis.topology import Node

HERE = "127.0.0.1"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovered, "PERIOD", 60.0)
    monkeypatch.setattr(discovered, "SOONEST", 0.01)


def bulk(*texts: str) -> bytes:
    return b"".join(b"$%d\r\n%b\r\n" % (len(text), text.encode()) for text in texts)


def names(server: ScriptedServer, port: int, promotion: int) -> None:
    """A Sentinel that names a primary."""
    server.on("SENTINEL GET-MASTER-ADDR-BY-NAME", b"*2\r\n" + bulk(HERE, str(port)))
    server.on("SENTINEL MASTER", b"%1\r\n" + bulk("config-epoch", str(promotion)))


def sees(server: ScriptedServer, *slices: tuple[int, int, bytes, int], epoch: int = 1, state: str = "ok") -> None:
    """A server of a cluster that sees who owns what; hosts are written as on the wire."""
    server.on("HELLO", hello(mode="cluster"))
    server.on("CLUSTER INFO", bulk(f"cluster_state:{state}\r\ncluster_current_epoch:{epoch}\r\n"))
    rows = (b"*3\r\n:%d\r\n:%d\r\n*4\r\n%b:%d\r\n$2\r\nid\r\n*0\r\n" % one for one in slices)
    server.on("CLUSTER SLOTS", b"*%d\r\n" % len(slices) + b"".join(rows))


def where(server: ScriptedServer) -> Node:
    return Node(HERE, server.port)


Start = Callable[..., Coroutine[Any, Any, Any]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts topologies that are closed at the end."""
    started: list[Sentinels | Cluster] = []

    async def start(kind: type[Sentinels] | type[Cluster], *servers: ScriptedServer) -> Sentinels | Cluster:
        nodes, dialer = tuple(map(where, servers)), Dialer("redis://localhost:1", 2)
        asks = Dialer("redis://localhost:1", 2, "Sentinel")
        found = Cluster(dialer, nodes) if kind is Cluster else Sentinels(dialer, asks, nodes, "chat")
        started.append(found)
        await found.start()
        return found

    yield start
    for one in started:
        await one.close()


async def test_the_sentinel_that_knows_the_newest_promotion_is_believed(
    server: ScriptedServer, second: ScriptedServer, start: Start
) -> None:
    names(server, 1, promotion=3)
    names(second, 2, promotion=2)
    topology = await start(Sentinels, server, second)
    assert topology.node("any") == Node(HERE, 1)
    names(second, 2, promotion=4)
    await topology.refresh()
    assert topology.node("any") == Node(HERE, 2)
    with pytest.raises(ConfigurationError, match="part of a cluster"):
        topology.moved(1, Node(HERE, 3))


async def test_a_sentinel_that_is_silent_or_ignorant_does_not_matter(
    server: ScriptedServer, second: ScriptedServer, start: Start
) -> None:
    names(server, 1, promotion=1)
    second.on("SENTINEL", SILENCE)
    assert (await start(Sentinels, server, second)).node("any") == Node(HERE, 1)
    second.on("SENTINEL GET-MASTER-ADDR-BY-NAME", b"_\r\n")
    second.on("SENTINEL MASTER", b"-ERR No such master with that name\r\n")
    assert (await start(Sentinels, server, second)).node("any") == Node(HERE, 1)
    with pytest.raises(ConfigurationError, match="knows no primary of the name 'chat'"):
        await start(Sentinels, second)


async def test_a_sentinel_that_comes_back_is_asked_again(
    server: ScriptedServer, second: ScriptedServer, start: Start
) -> None:
    names(server, 1, promotion=1)
    names(second, 2, promotion=2)
    second.stop_listening()
    topology = await start(Sentinels, server, second)
    for _ in range(10):
        await topology.refresh()
    assert topology.node("any") == Node(HERE, 1)
    second._server = await asyncio.start_server(second._serve, HERE, second.port)
    async with asyncio.timeout(5):
        while topology.node("any") != Node(HERE, 2):
            await topology.refresh()


async def test_what_was_known_is_kept_while_nobody_answers(
    server: ScriptedServer, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    names(server, 1, promotion=1)
    topology = await start(Sentinels, server)
    server.on("SENTINEL", b"-NOPERM no\r\n")
    server.on("SENTINEL MASTER", b"-NOPERM no\r\n")
    server.on("SENTINEL GET-MASTER-ADDR-BY-NAME", b"-NOPERM no\r\n")
    await topology.refresh()
    await topology.refresh()
    assert topology.node("any") == Node(HERE, 1)
    assert [record.getMessage() for record in caplog.records] == [
        "nobody says which server is the primary now: NOPERM no"
    ]


async def test_one_look_serves_all_who_ask_meanwhile(server: ScriptedServer, start: Start) -> None:
    names(server, 1, promotion=1)
    topology = await start(Sentinels, server)
    before = len(server.named("SENTINEL"))
    await asyncio.gather(*(topology.refresh() for _ in range(500)))
    assert len(server.named("SENTINEL")) == before + 2


async def test_a_primary_that_was_replaced_loses_its_connections(
    server: ScriptedServer, second: ScriptedServer
) -> None:
    names(server, second.port, promotion=1)
    dialer = Dialer("redis://localhost:1", 30)
    topology = Sentinels(dialer, Dialer("redis://localhost:1", 2), (where(server),), "chat")
    await topology.start()
    wire, _ = await dialer.dial(topology.node("any"), "test")
    second.on("GET", SILENCE)
    answer = wire.call("GET", "key")
    second.on("HELLO", SILENCE)
    logins = len(second.logins)
    dialling = asyncio.create_task(dialer.dial(topology.node("any"), "test"))
    await until(lambda: len(second.logins) > logins)
    names(server, server.port, promotion=2)
    await topology.refresh()
    with pytest.raises(ConnectionError, match="no primary any more"):
        await answer
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(dialling, 2)
    await topology.close()


async def test_slots_and_their_owners(server: ScriptedServer, start: Start) -> None:
    null, empty, unknown = b"_\r\n", b"$0\r\n\r\n", bulk("?")
    sees(server, (0, 99, bulk("h"), 1), (100, 199, null, 2), (200, 299, empty, 3), (300, 399, unknown, 4))
    topology = await start(Cluster, server)
    owners = topology._owners
    assert owners[:400:100] == [Node("h", 1), Node(HERE, 2), Node(HERE, 3), None]
    assert (owners[99], owners[199], owners[16383]) == (Node("h", 1), Node(HERE, 2), None)
    assert topology.node("nobody's") in owners[:300], "somebody has to say that nobody owns it"
    topology.moved(slot("nobody's"), Node("h", 9))
    assert topology.node("nobody's") == Node("h", 9)
    await topology.refresh()
    assert topology.node("nobody's") != Node("h", 9), "the map is right again"


async def test_the_view_of_the_majority_counts_then_the_newest(
    server: ScriptedServer, second: ScriptedServer, start: Start
) -> None:
    sees(server, (0, 16383, bulk("h"), 1), epoch=9, state="fail")
    sees(second, (0, 16383, bulk("h"), 2), epoch=3)
    assert (await start(Cluster, server, second)).node("x") == Node("h", 2)
    sees(server, (0, 16383, bulk("h"), 1), epoch=9)
    assert (await start(Cluster, server, second)).node("x") == Node("h", 1)
