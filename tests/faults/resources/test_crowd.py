"""Thousands of idle clients on one server: what each costs, and that looking after them makes no waves.

`UNBROKEN_CROWD=10000` runs it with more.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from redis import Redis

from tests.conftest import StartValkey, make_settings
from tests.faults.record import record
from tests.integration.server.process import process
from unbroken.backend import Backend
from unbroken.server.bounds import Bounds

CLIENTS = int(os.environ.get("UNBROKEN_CROWD", "1500"))
KIB_EACH = 36
"""Measured: 32.7 at 3,000 clients."""
CHECK = 3.0
"""Seconds in which every quiet session is compared with Redis once: here, not in production."""
SLICE = 0.5
TRIES = 4
"""What comes in waves does so in every round; a machine that stands still makes a wave in one."""
BATCH = 100
"""Sessions that the hub looks after at once."""
AT_ONCE = 3 * CLIENTS * SLICE / CHECK + BATCH
"""Checks in one slice of time, at most: never all of them."""
GRACE = 20
"""Seconds that the clients are given to leave."""


@contextmanager
def crowd(address: str, tokens: list[str]) -> Iterator[subprocess.Popen[str]]:
    """The clients, all of them connected."""
    host, _, port = address.rpartition(":")
    clients = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("crowd.py")), host, port],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert clients.stdin
        assert clients.stdout
        with clients.stdin as stdin:
            stdin.write("\n".join(tokens))
        assert clients.stdout.readline() == f"open {len(tokens)}\n"
        yield clients
    finally:
        clients.kill()
        clients.wait()
        if clients.stdout:
            clients.stdout.close()


async def sessions(backend: Backend, count: int) -> list[str]:
    """Tokens of new sessions."""
    tokens: list[str] = []
    while len(tokens) < count:
        some = min(500, count - len(tokens))
        tokens += [token for token, _ in await asyncio.gather(*(backend.store.create("Ada") for _ in range(some)))]
    return tokens


def checks(redis: Redis) -> int:
    """How often sessions were compared with Redis so far."""
    return int(redis.info("commandstats").get("cmdstat_hmget", {"calls": 0})["calls"])


def a_round(redis: Redis) -> list[int]:
    """How many sessions were looked after in each slice of time, until every one was, and some for the second time."""
    asked, began = [checks(redis)], time.monotonic()
    while asked[-1] - asked[0] < 1.5 * CLIENTS:
        time.sleep(SLICE)
        asked.append(checks(redis))
        assert time.monotonic() < began + 60
    return [after - earlier for earlier, after in pairwise(asked)]


@pytest.mark.timeout(300)
def test_idle_clients_cost_little_and_leave_in_time(private_valkey: StartValkey) -> None:
    redis_server = private_valkey()
    settings = make_settings(redis_server.address, prefix="ub", drain_grace=GRACE)

    async def prepare() -> list[str]:
        backend = await Backend.open(settings)
        try:
            return await sessions(backend, CLIENTS)
        finally:
            await backend.close()

    tokens = asyncio.run(prepare())
    with (
        process(settings, Bounds(idle_check=CHECK), drain_grace=GRACE) as server,
        Redis.from_url(redis_server.address) as redis,
    ):
        before = server.stats.memory_info().rss
        with crowd(server.address, tokens) as clients:
            each = (server.stats.memory_info().rss - before) / CLIENTS / 1024
            used, began = sum(server.stats.cpu_times()[:2]), time.monotonic()
            for _ in range(TRIES):
                slices = a_round(redis)
                if max(slices) < AT_ONCE:
                    break
            load = (sum(server.stats.cpu_times()[:2]) - used) / (time.monotonic() - began)
            began = time.monotonic()
            server.stop()
            assert clients.stdout
            assert clients.stdout.readline() == f"closed {CLIENTS} 1012\n"
            assert server.wait(30 + GRACE) == 0
            drained = time.monotonic() - began
    print(f"{each:.1f} KiB each, {load:.1%} of a core, checks in {SLICE} s: {slices}, drained in {drained:.1f} s")
    assert each < KIB_EACH
    assert max(slices) < AT_ONCE
    assert drained < GRACE
    record("idle clients", f"{CLIENTS}, then SIGTERM", injections=CLIENTS, checked="G", recovery={"drained": [drained]})
