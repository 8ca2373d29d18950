"""The clock of a server's and a worker's machine is set by an hour. Nobody decides anything by it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.bots import answer
from tests.e2e.deployment import TAKEOVER, Deployment, Process
from tests.faults.clock.replies import begun, read, taken_over
from tests.faults.clock.wall import HOUR, Wall
from tests.faults.record import record
from unbroken.backend import Backend
from unbroken.client import Client
from unbroken.client.chat import Chat
from unbroken.embedded import Embedded
from unbroken.types import Message, Status

SESSIONS = 4
LEASE = 3
"""Seconds."""
TRIES = 3
"""A clock that decides about leases ends them every time; a machine that stands still for one may do it once."""
PATIENCE = 60
"""Seconds for a takeover, on a machine with other things to do."""
TTL = 900
NEW_SESSIONS = 6
"""For each address and minute."""
BOT = "tests.faults.clock.bots:looking_at_the_clock"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("jump", [HOUR, -HOUR])
async def test_a_machine_whose_clock_is_set(
    jump: int, valkey: Embedded, prefix: str, backend: Backend, tmp_path: Path, wall: Callable[[], Wall]
) -> None:
    clock = wall()
    rules = {**TAKEOVER, "lease": LEASE, "session_ttl": TTL, "sessions_per_minute": NEW_SESSIONS}
    machine = Deployment(valkey.address, prefix, tmp_path, **rules)
    machine.environment |= clock.environment
    (tmp_path / "other").mkdir()
    other = Deployment(valkey.address, prefix, tmp_path / "other", **rules)
    began = datetime.now(UTC)
    async with machine, other:
        (server, url), worker = await asyncio.gather(machine.server(), machine.worker(BOT))
        async with Client(url, timeout=90) as client:
            counting = time.monotonic()
            chats = [await client.create(f"reader {n}") for n in range(SESSIONS)]
            idle: Process | None = None
            for attempt in range(1, TRIES + 1):
                gate = tmp_path / f"set-{attempt}"
                sent = [await chat.send(f"s{n} 10 100 {gate}") for n, chat in enumerate(chats)]
                await asyncio.gather(*map(begun, sent))
                idle = idle or await other.worker(BOT)  # would take what others lose
                clock.step(jump)
                await asyncio.sleep(LEASE + 1)
                gate.touch()
                restarts = await asyncio.gather(*map(read, sent))
                if not any(restarts):
                    break
                clock.step(0)
            assert idle
            assert not any(restarts), "the leases were renewed, and nobody took over"
            for one in sent:
                reply = await one.reply()
                assert (reply.status, reply.msg) == (Status.COMPLETED, answer(one.text) + f"{jump // HOUR:+d}h")
            await check_rate(url, counting)
            for chat in chats:
                assert all(TTL - 30 < left <= TTL for left in await lifetimes(backend, chat))

            # Its worker dies: somebody takes over after a lease, not an hour sooner or later.
            assert not await idle.terminate()
            gate = tmp_path / "dead"
            again = [await chat.send(f"t{n} 10 100 {gate}") for n, chat in enumerate(chats)]
            await asyncio.gather(*map(begun, again))
            await other.worker(BOT)
            worker.kill()
            took = await taken_over(chats)
            gate.touch()
            assert took < PATIENCE
            for one in again:
                assert (await one.reply()).msg.startswith(answer(one.text))
            for chat in chats:
                history = await chat.history()
                assert [m.status for m in history if m.reply_to] == [Status.COMPLETED] * (attempt + 1)
                check_times(history, began)
            await ask(url)
        assert machine_time(server.output) == pytest.approx(jump, abs=60), "its clock was really wrong"
    record(
        "clock of a server and a worker set",
        f"mid-reply, {jump // HOUR:+d} h",
        injections=SESSIONS,
        checked="ABCF",
        recovery={"takeover from a worker that died after it": [took]},
    )


async def check_rate(url: str, since: float) -> None:
    """An hour ahead would let everybody in, an hour back nobody for a long time."""
    async with aiohttp.ClientSession() as http:
        made = 0
        while True:
            async with http.post(f"{url}/token", params={"name": "one more"}) as answer:
                if answer.status == 429:
                    assert 0 < float(answer.headers["Retry-After"]) <= 60 / NEW_SESSIONS
                    break
                assert answer.status == 200
            made += 1
            assert made < 10 * NEW_SESSIONS
    seconds = time.monotonic() - since
    assert SESSIONS + made <= NEW_SESSIONS + seconds * NEW_SESSIONS / 60 + 1
    assert made > 0


async def lifetimes(backend: Backend, chat: Chat) -> list[float]:
    keys = backend.keys.session(chat.session.id)
    return [await backend.redis.router.command(keys.tag, "PTTL", key) / 1000 for key in keys.script[:5]]


def check_times(history: list[Message], began: datetime) -> None:
    """Messages carry the time of Redis."""
    times = [datetime.fromisoformat(message.timestamp) for message in history]
    assert all(began.timestamp() - 1 < when.timestamp() <= time.time() + 1 for when in times)


async def ask(url: str) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/healthz") as answer:
        assert answer.status == 200


def machine_time(log: Path) -> float:
    """How far the clock is ahead that a server wrote into its log just now."""
    line = [line for line in log.read_text().splitlines() if "/healthz" in line][-1]
    found = re.match(r"[\d-]+ [\d:]+", line)
    assert found, line
    return (datetime.fromisoformat(found[0]) - datetime.now()).total_seconds()
