"""The primary dies while its replica is cut off: what it took since then is lost. What had it promised?

Killing alone would find nothing: on one machine the replica has everything before the primary can die. So the replica
is cut off first, writes go on, the primary is killed, and the Sentinels promote what the replica has.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.deployment import TAKEOVER, Deployment
from tests.faults.record import record
from tests.faults.replication.books import Losses
from tests.faults.replication.crowd import Crowd
from tests.faults.violations import Verdict
from tests.topologies import Sentinels

ROUNDS = int(os.environ.get("FAILOVERS", "2"))
SEED = int(os.environ.get("FAILOVER_SEED", "1"))
BOT = "unbroken.models.scripted:bot"
PATIENCE = 90.0
"""Seconds until everything is answered after a failover, on a machine with other things to do."""


@asynccontextmanager
async def sites(redis: Sentinels, folder: Path) -> AsyncIterator[dict[str, str]]:
    """A server and a worker for each level of `ack`, on the same Redis: level → where the server is."""
    async with AsyncExitStack() as stack:
        found = {}
        for ack in ("memory", "replica"):
            (folder / ack).mkdir()
            deployment = Deployment(redis.address, ack, folder / ack, ack=ack, ack_timeout=0.5, **TAKEOVER)
            await stack.enter_async_context(deployment)
            (_, found[ack]), _ = await asyncio.gather(deployment.server(), deployment.worker(BOT))
        yield found


async def fail_over(redis: Sentinels, crowds: dict[str, Crowd], rng: random.Random) -> float:
    """Loses what the primary has alone. Returns the seconds until there was another."""
    old, (replica,) = redis.primary, redis.replicas
    assert old.door
    old.door.shut_out(replica.source)
    await asyncio.gather(*(crowd.talk_on() for crowd in crowds.values()))
    await asyncio.gather(*(crowd.told(refused=ack == "replica") for ack, crowd in crowds.items()))
    await asyncio.sleep(rng.uniform(0.0, 0.5))
    old.kill()
    died = asyncio.get_running_loop().time()
    old.door.hang_up(replica.source)  # what was on its way dies with it
    old.door.let_in()
    assert await redis.promoted() is replica
    took = asyncio.get_running_loop().time() - died
    await old.start()
    await redis.demoted(old)
    return took


@pytest.mark.timeout(60 + 150 * ROUNDS)
async def test_the_replica_was_cut_off_before(tmp_path: Path) -> None:
    losses: dict[str, list[Losses]] = {"memory": [], "replica": []}
    times: list[float] = []
    async with Sentinels(doors=True) as redis, sites(redis, tmp_path) as urls:
        for seed in range(SEED, SEED + ROUNDS):
            rng = random.Random(seed)
            verdict = Verdict()
            crowds = {ack: Crowd(url, f"{ack}{seed}", verdict, rng) for ack, url in urls.items()}
            async with AsyncExitStack() as stack:
                for crowd in crowds.values():
                    stack.push_async_callback(crowd.leave)
                    await crowd.come()
                await redis.caught_up()
                await asyncio.gather(*(crowd.talk() for crowd in crowds.values()))
                await asyncio.gather(*(crowd.told() for crowd in crowds.values()))
                await asyncio.sleep(rng.uniform(0.0, 0.5))
                times.append(await fail_over(redis, crowds, rng))
                async with asyncio.timeout(PATIENCE):
                    for ack, crowd in crowds.items():
                        losses[ack].append(await crowd.settle())
                        print(f"seed {seed}, ack={ack}: {losses[ack][-1]}")
            await redis.watched()
            assert not verdict.violations, f"seed {seed}: {verdict}"

    total = {ack: Losses.total(found) for ack, found in losses.items()}
    for ack, found in total.items():
        print(f"{ROUNDS} failovers, ack={ack}: {found}")
        record(
            "replica cut off, then the primary killed and the replica promoted",
            f"accept, chunk and finish; ack={ack}",
            injections=ROUNDS,
            checked="ABD",
            recovery={"promotion": times},
            seed=f"{SEED} to {SEED + ROUNDS - 1}",
        )
    assert total["memory"].lost, "a failover that loses nothing proves nothing"
    assert total["replica"].acknowledged
    assert total["replica"].refused, "who is not told that a message is safe is told that it is not"
    assert (total["replica"].lost, total["replica"].missing) == (0, 0)
