from __future__ import annotations

import asyncio
import logging
from typing import NoReturn

import pytest

from tests.unit.redis.server import SILENCE, ScriptedServer, hello, until
from unbroken.redis.dial import Dialer, NotPrimary
from unbroken.redis.link import Link
from unbroken.redis.topology import Node


def link_to(server: ScriptedServer, timeout: float = 2) -> Link:
    return Link(Dialer(server.address, timeout), Node(), "test")


async def test_all_callers_share_one_dial(server: ScriptedServer) -> None:
    link = link_to(server)
    wires = await asyncio.gather(*(link.open() for _ in range(50)))
    assert len(set(wires)) == 1
    assert await link.open() is wires[0]
    assert len(server.sessions) == 1
    await link.close()


async def test_a_caller_that_goes_away_does_not_take_the_dial_along(server: ScriptedServer) -> None:
    link = link_to(server)
    first, second = asyncio.create_task(link.open()), asyncio.create_task(link.open())
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).open
    await link.close()


async def test_a_lost_connection_is_dialled_again_and_both_are_logged(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "unbroken.redis")
    link = link_to(server)
    wire = await link.open()
    server.sessions[0].cut()
    await wire.ended()
    assert link.wire is None
    assert await (await link.open()).call("PING") == b"PONG"
    where = f"127.0.0.1:{server.port}"
    assert [record.getMessage().rpartition(" after")[0] or record.getMessage() for record in caplog.records] == [
        f"lost Redis at {where}: Redis closed the connection",
        f"Redis at {where} is back",
    ]
    await link.close()


async def test_failed_dials_are_paced(server: ScriptedServer) -> None:
    clock = asyncio.get_running_loop().time
    started = clock()
    server.on("HELLO", hello(role="replica"))
    link = link_to(server)
    for _ in range(3):
        with pytest.raises(NotPrimary):
            await link.open()
    assert clock() - started >= 0.07
    await link.close()


async def test_connections_that_do_not_last_are_paced(server: ScriptedServer) -> None:
    clock = asyncio.get_running_loop().time
    started = clock()
    link = link_to(server)
    for _ in range(3):
        wire = await link.open()
        server.sessions[-1].cut()
        await wire.ended()
    assert clock() - started >= 0.07
    await link.close()


async def test_waking_dials_in_the_background_and_a_failure_there_warns_nobody(server: ScriptedServer) -> None:
    link = link_to(server)
    link.wake()
    await until(lambda: link.wire is not None)
    await link.close()
    server.stop_listening()
    link = link_to(server)
    link.wake()
    await asyncio.sleep(0.05)
    assert link.wire is None
    await link.close()


async def test_closing_ends_a_dial_and_those_who_wait_for_it(server: ScriptedServer) -> None:
    server.on("HELLO", SILENCE)
    link = link_to(server, timeout=30)
    waiting = asyncio.create_task(link.open())
    await until(lambda: bool(server.sessions))
    await link.close()
    with pytest.raises(ConnectionError):
        await waiting
    with pytest.raises(ConnectionError, match="closed"):
        await link.open()
    link.wake()
    assert link.wire is None


async def test_whoever_asks_again_at_once_after_a_failed_dial_does_not_block_the_event_loop() -> None:
    """Between the end of a dial and its callbacks others may run. They need the next dial, not the one that ended."""
    dials = 0

    class Refusing(Dialer):
        async def dial(self, *_: object, **__: object) -> NoReturn:
            nonlocal dials
            dials += 1
            await asyncio.sleep(0)
            raise ConnectionError("nobody is there")

    link = Link(Refusing("redis://127.0.0.1:1", 2), Node(), "test")
    link.wake()
    (dialling,) = (task for task in asyncio.all_tasks() if task is not asyncio.current_task())
    while not dialling.done():
        await asyncio.sleep(0)
    for _ in range(5):
        with pytest.raises(ConnectionError, match="nobody is there"):
            await link.open()
    assert dials == 6
    await link.close()
