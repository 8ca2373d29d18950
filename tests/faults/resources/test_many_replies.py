"""A thousand replies at once in one worker."""

from __future__ import annotations

import asyncio
import signal

from tests.faults.record import record
from tests.faults.resources.deployment import MIB, Deploy
from unbroken.backend import Backend

REPLIES = 1000
EACH = 25
"""KiB. Measured: 11."""


async def test_each_costs_little_and_all_are_handed_back(deploy: Deploy) -> None:
    deployment = deploy()
    worker = deployment.worker(concurrency=REPLIES, drain_grace=0)
    backend = await Backend.open(deployment.settings())
    try:
        sessions = [
            session.id for _, session in await asyncio.gather(*(backend.store.create("Ada") for _ in range(REPLIES)))
        ]
        before = worker.rss
        await asyncio.gather(*(backend.queue.accept(session, "a", "say so far; hang") for session in sessions))

        async def running() -> int:
            return sum(pending for _, _, pending in await backend.queue.depth())

        async with asyncio.timeout(90):
            while await running() < REPLIES:
                await asyncio.sleep(0.1)
            for session in sessions:
                while (top := await backend.log.top(session)) is None or not top.second:
                    await asyncio.sleep(0.1)
        each = (worker.rss - before) / REPLIES / 1024
        print(f"{each:.0f} KiB each, {worker.rss / MIB:.0f} MiB in all")
        assert each < EACH
        worker.signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait, 60) == 0
        assert await running() == 0
        assert sum(length for _, length, _ in await backend.queue.depth()) == REPLIES  # each waits for another worker
    finally:
        await backend.close()
    record("replies at once", f"{REPLIES}, then SIGTERM", injections=REPLIES, checked="EG", violations={"E": 0})
