"""Redis goes away, fills up, comes back: replies go on, lose nothing, and show nothing twice."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conftest import StartValkey, make_settings
from tests.integration.worker.harness import Talk, until, working
from unbroken.backend import Backend
from unbroken.embedded import Embedded
from unbroken.models.scripted import Scripted
from unbroken.types import Reasoning, Status

COUNTED = "".join(f"{number} " for number in range(1, 201))


@asynccontextmanager
async def opened(server: Embedded, **overrides: object) -> AsyncIterator[Backend]:
    backend = await Backend.open(make_settings(server.address, **({"partitions": 2, "lease": 15} | overrides)))
    try:
        yield backend
    finally:
        await backend.close()


async def cut_connections(talk: Talk) -> None:
    """Redis drops every connection, this one last."""
    await talk.backend.redis.router.command(talk.keys.tag, "CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "yes")
    with_self = await talk.backend.redis.router.command(talk.keys.tag, "CLIENT", "ID")
    talk.backend.redis.router.send(talk.keys.tag, [("CLIENT", "KILL", "ID", with_self, "SKIPME", "no")])


async def test_cut_connections_lose_nothing(private_valkey: StartValkey, caplog: pytest.LogCaptureFixture) -> None:
    bot = Scripted()
    async with opened(private_valkey()) as backend, working(backend, bot):
        talks = [await Talk.begin(backend) for _ in range(5)]
        for talk in talks:
            await talk.send("pace 0.003; count 200; wait door")
        for number in (20, 60, 100, 140):
            await asyncio.gather(*(talk.shows(f" {number} ") for talk in talks))
            await cut_connections(talks[0])
        for talk in talks:
            await talk.shows(" 200 ")
            assert (await talk.shown())[0] == COUNTED  # every entry once, in order, without a hole
        bot.open("door")
        for talk in talks:
            assert (await talk.outcome("m1")).msg == COUNTED
    assert len(bot.turns) == 5
    assert sum("replies cannot be written now" in record.getMessage() for record in caplog.records) <= 4


async def test_killed_and_restarted_redis(private_valkey: StartValkey, tmp_path: Path) -> None:
    """kill -9 in the middle of replies, and a second without Redis in which they go on."""
    bot = Scripted()
    server = private_valkey("--appendfsync", "always", data_dir=tmp_path)
    async with opened(server) as backend, working(backend, bot):
        talks = [await Talk.begin(backend) for _ in range(5)]
        for talk in talks:
            await talk.send("pace 0.003; count 200; wait door")
        await asyncio.gather(*(talk.shows(" 50 ") for talk in talks))
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        await until(lambda: bot.waiting["door"] == 5)  # the bots do not notice
        server.stop()
        private_valkey("--appendfsync", "always", data_dir=tmp_path)
        for talk in talks:
            await talk.shows(" 200 ")
            assert (await talk.shown())[0] == COUNTED
        bot.open("door")
        for talk in talks:
            assert (await talk.outcome("m1")).msg == COUNTED
            assert await talk.idle()
    assert [turn.attempt for turn in bot.turns] == [1] * 5


async def test_an_outcome_waits_for_redis(private_valkey: StartValkey, tmp_path: Path) -> None:
    bot = Scripted()
    server = private_valkey("--appendfsync", "always", data_dir=tmp_path)
    async with opened(server) as ours, opened(server, redis_timeout=1.0) as backend, working(backend, bot):
        talk = await Talk.begin(ours)
        await talk.send("say a; wait door; say b")
        await talk.shows("a")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        bot.open("door")
        await asyncio.sleep(3.0)  # several times the worker's patience
        server.stop()
        private_valkey("--appendfsync", "always", data_dir=tmp_path)
        reply = await talk.outcome("m1")
    assert (reply.status, reply.msg) == (Status.COMPLETED, "ab")
    assert len(bot.turns) == 1


async def test_out_of_memory_keeps_the_text(private_valkey: StartValkey) -> None:
    bot = Scripted()
    async with opened(private_valkey()) as backend, working(backend, bot):
        talk = await Talk.begin(backend)
        await talk.send("say a; wait door; count 200; wait end")
        await talk.shows("a")
        await talk.backend.redis.router.command(talk.keys.tag, "CONFIG", "SET", "maxmemory", 1)
        bot.open("door")
        await until(lambda: bot.waiting["end"])
        assert (await talk.shown())[0] == "a"
        bot.open("end")
        reply = await talk.outcome("m1")
    assert (reply.status, reply.msg) == (Status.COMPLETED, f"a{COUNTED}")


async def test_when_memory_comes_back_so_do_the_words(private_valkey: StartValkey) -> None:
    bot = Scripted()
    async with opened(private_valkey()) as backend, working(backend, bot):
        talk = await Talk.begin(backend)
        command = talk.backend.redis.router.command
        await talk.send("say a; wait door; think Hm; count 200; wait end")
        await talk.shows("a")
        await command(talk.keys.tag, "CONFIG", "SET", "maxmemory", 1)
        bot.open("door")
        await until(lambda: bot.waiting["end"])
        await command(talk.keys.tag, "CONFIG", "SET", "maxmemory", 0)
        await talk.shows("200 ")
        assert (await talk.shown())[0] == f"a{COUNTED}"
        bot.open("end")
        reply = await talk.outcome("m1")
    assert (reply.msg, reply.parts) == (f"a{COUNTED}", [Reasoning("Hm")])


async def test_a_session_that_cannot_be_taken_is_taken_later(private_valkey: StartValkey) -> None:
    bot = Scripted()
    async with opened(private_valkey()) as backend, working(backend, bot):
        talk = await Talk.begin(backend)
        command = talk.backend.redis.router.command
        await talk.ask("say first")
        await talk.send("wait door")
        await until(lambda: bot.waiting["door"])
        await talk.send("say fine")  # it gets its entry when memory is short already
        await command(talk.keys.tag, "CONFIG", "SET", "maxmemory", 1)
        bot.open("door")
        await talk.outcome("m2")
        async with asyncio.timeout(20):
            while (await command(talk.keys.tag, "XPENDING", talk.keys.ready, "workers"))[0] == 0:
                await asyncio.sleep(0.01)
        assert len(bot.turns) == 2
        await command(talk.keys.tag, "CONFIG", "SET", "maxmemory", 0)
        assert (await talk.outcome("m3")).msg == "fine"
    assert bot.turns[2].attempt == 1


async def test_after_a_long_outage_the_living_keep_their_replies(private_valkey: StartValkey) -> None:
    """Every lease ran out while Redis was frozen. Nobody takes from a worker that lives."""
    bot = Scripted()
    server = private_valkey()
    pid = server.pid
    assert pid is not None
    async with (
        opened(server, lease=3, redis_timeout=1.0) as first,
        opened(server, lease=3, redis_timeout=1.0) as second,
        working(first, bot),
        working(second, bot),
    ):
        talks = [await Talk.begin(first) for _ in range(10)]
        for talk in talks:
            await talk.send("wait door; say done")
        await until(lambda: bot.waiting["door"] == 10)
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(3.5)
        finally:
            os.kill(pid, signal.SIGCONT)
        await asyncio.sleep(2.5)  # time enough to look for idle entries twice, and to take over
        bot.open("door")
        for talk in talks:
            assert (await talk.outcome("m1")).msg == "done"
    assert [turn.attempt for turn in bot.turns] == [1] * 10
