from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, cast

from unbroken.errors import Unavailable
from unbroken.redis.ready import Ready
from unbroken.worker.partition import SILENCE, Claimed, Partition
from unbroken.worker.slots import Slots

LEASE = 0.3


class ReadyStub:
    """Answers from lists, and keeps what it was asked and when."""

    def __init__(self, reads: list[Claimed] | None = None, reclaims: list[Claimed | None] | None = None) -> None:
        self.reads = reads or []
        self.reclaims = reclaims or []
        self.asked: list[tuple[float, float]] = []
        self.blocks: list[float] = []
        self.forgot: list[tuple[int, float]] = []
        self.woken = asyncio.Event()

    async def read(self, block: float) -> list[Claimed]:
        self.blocks.append(block)
        if self.reads:
            return [self.reads.pop(0)]
        if block:
            self.woken.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.woken.wait(), block)
        return []

    async def reclaim(self, min_idle: float, count: int) -> list[Claimed]:
        assert count == 1
        self.asked.append((asyncio.get_running_loop().time(), min_idle))
        if not self.reclaims:
            return []
        found = self.reclaims.pop(0)
        if found is None:
            raise Unavailable("away")
        return [found]

    async def forget(self, silence: float) -> int:
        self.forgot.append((len(self.asked), silence))
        return 0

    async def wake(self) -> None:
        self.woken.set()


async def run(
    ready: ReadyStub,
    slots: Slots,
    until: Callable[[list[Claimed]], object],
    held: Callable[[Claimed], bool] | None = None,
) -> list[Claimed]:
    """Runs a partition until a condition on what was started holds."""
    started: list[Claimed] = []

    def start(claimed: Claimed) -> None:
        slots.begin()
        started.append(claimed)

    partition = Partition(cast("Ready", ready), slots, LEASE, start, held or (lambda _: False), ready.forget)
    task = asyncio.create_task(partition.run())
    async with asyncio.timeout(5):
        while not until(started):
            await asyncio.sleep(0.002)
    slots.release()  # in case it waits for one
    await partition.stop()
    await asyncio.wait_for(task, 5)
    return started


def entries(number: int) -> list[Claimed]:
    return [(f"{n}-0", f"s{n}") for n in range(1, number + 1)]


async def test_it_takes_no_entry_without_a_slot() -> None:
    ready = ReadyStub(reads=entries(5))
    started = await run(
        ready, Slots(3, 1, lambda: None), lambda started: len(started) == 3 and not ready.woken.is_set()
    )
    assert started == entries(3)
    assert ready.reads == entries(5)[3:]


async def test_reclaiming_goes_before_reading_until_there_is_nothing_more() -> None:
    dead: list[Claimed | None] = [("1-0", "dead1"), ("2-0", "dead2")]
    ready = ReadyStub(reads=entries(1), reclaims=dead.copy())
    assert await run(ready, Slots(9, 1, lambda: None), lambda started: len(started) == 3) == [*dead, *entries(1)]
    assert [idle for _, idle in ready.asked[:3]] == [LEASE] * 3


async def test_the_dead_are_forgotten_rarely_and_only_after_their_sessions_were_taken_over() -> None:
    ready = ReadyStub(reclaims=[("1-0", "dead")])
    await run(ready, Slots(9, 1, lambda: None), lambda _: len(ready.asked) > 4)
    assert ready.forgot == [(2, LEASE * SILENCE)]


async def test_what_it_runs_already_is_left() -> None:
    ready = ReadyStub(reads=entries(3))
    slots = Slots(9, 1, lambda: None)
    started = await run(ready, slots, lambda _: not ready.reads, held=lambda claimed: claimed == ("2-0", "s2"))
    assert ("2-0", "s2") not in started
    assert ("1-0", "s1") in started


async def test_after_an_outage_the_living_get_time_to_renew() -> None:
    ready = ReadyStub(reclaims=[None, ("1-0", "dead")])
    await run(ready, Slots(9, 1, lambda: None), lambda _: len(ready.asked) > 2)
    idles: list[Any] = [idle for _, idle in ready.asked[:3]]
    assert idles[0] == LEASE  # Redis was away
    assert idles[1] > 1000  # is it back? This takes nothing from anybody
    assert idles[2] == LEASE
    assert ready.asked[2][0] - ready.asked[1][0] >= 0.9 * LEASE / 2


async def test_with_slots_for_all_it_waits_in_the_read_and_else_only_looks() -> None:
    ample = ReadyStub()
    await run(ample, Slots(9, 1, lambda: None), lambda _: len(ample.blocks) > 1)
    assert set(ample.blocks) == {LEASE / 3}
    scarce = ReadyStub()
    await run(scarce, Slots(1, 2, lambda: None), lambda _: len(scarce.blocks) > 1)
    assert set(scarce.blocks) == {0}
