"""`ack=disk`: what was acknowledged is in the file, whatever moment Redis is killed in.

kill -9 loses what a process held in its own memory, not what it gave to the kernel: that the disk itself keeps its word
cannot be tested here.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.conftest import StartValkey, make_settings
from tests.e2e.deployment import Deployment
from tests.faults.record import record
from tests.faults.replication.books import Losses
from tests.faults.replication.forgetter import Forgetter
from unbroken.backend import Backend
from unbroken.client import Client
from unbroken.embedded import Embedded
from unbroken.errors import ConfigurationError

KILLS = int(os.environ.get("KILLS", "4"))
SEED = 1
FORGETTERS = 6


async def test_a_redis_that_does_not_sync_every_write_is_refused(valkey: Embedded, prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="appendfsync to always"):
        await Backend.open(make_settings(valkey.address, prefix=prefix, ack="disk"))


@pytest.mark.timeout(60 + 30 * KILLS)
async def test_redis_is_killed_again_and_again(private_valkey: StartValkey, prefix: str, tmp_path: Path) -> None:
    rng = random.Random(SEED)
    server = private_valkey("--appendfsync", "always")
    async with Deployment(server.address, prefix, tmp_path, ack="disk") as deployment, AsyncExitStack() as stack:
        (_, url), _ = await asyncio.gather(deployment.server(), deployment.worker("unbroken.models.scripted:bot"))
        client = await stack.enter_async_context(Client(url, timeout=90))
        forgetters = [
            Forgetter(url, (await client.create("reader")).token, f"d{number}") for number in range(FORGETTERS)
        ]
        talking = [asyncio.create_task(forgetter.by_request()) for forgetter in forgetters]
        for task in talking:
            stack.callback(task.cancel)
        for _ in range(KILLS):
            before = [forgetter.taken for forgetter in forgetters]
            while any(one.taken <= count for one, count in zip(forgetters, before, strict=True)):
                await asyncio.sleep(0.02)
            await asyncio.sleep(rng.uniform(0.0, 0.5))
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            server.stop()  # lets go of the directory, which its dead server cannot do
            server.start()
        for forgetter in forgetters:
            forgetter.over = True
        await asyncio.gather(*talking)
        found = Losses.total([await forgetter.settle(client) for forgetter in forgetters])
    print(f"{KILLS} kills: {found}")
    assert found.acknowledged >= KILLS * FORGETTERS
    assert not found.lost
    record("Redis killed, with every write synced", "any; ack=disk", injections=KILLS, checked="AB", seed=str(SEED))
