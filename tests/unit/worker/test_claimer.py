from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, cast

from unbroken.errors import Unavailable
from unbroken.redis.ready import Ready
from unbroken.worker.claimer import SILENCE, SWEEP, Claimed, Claimer
from unbroken.worker.slots import Slots

LEASE = 0.3


class ReadyStub:
    """Answers from lists, and keeps what it was asked and when."""

    def __init__(
        self, reads: list[Claimed] | None = None, reclaims: list[Claimed | None] | None = None, partitions: int = 1
    ) -> None:
        self.tags = tuple(map(str, range(partitions)))
        self.reads = reads or []
        self.reclaims = reclaims or []
        self.asked: list[tuple[float, float]] = []
        self.blocks: list[float] = []
        self.looked: list[tuple[float, int]] = []
        self.forgot: list[tuple[int, str, float]] = []
        self.woken = asyncio.Event()

    async def read(self, block: float, most: int) -> list[Claimed]:
        self.blocks.append(block)
        self.looked.append((asyncio.get_running_loop().time(), most))
        if self.reads:
            return [self.reads.pop(0) for _ in range(min(most, len(self.reads)))]
        if block:
            self.woken.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.woken.wait(), block)
        return []

    async def reclaim(self, min_idle: float, most: int) -> list[Claimed]:
        assert 1 <= most <= len(self.tags)
        self.asked.append((asyncio.get_running_loop().time(), min_idle))
        if not self.reclaims:
            return []
        found = self.reclaims.pop(0)
        if found is None:
            raise Unavailable("away")
        return [found]

    async def forget(self, tag: str, silence: float) -> int:
        self.forgot.append((len(self.asked), tag, silence))
        return 0

    async def wake(self) -> None:
        self.woken.set()


async def run(
    ready: ReadyStub,
    slots: Slots,
    until: Callable[[list[Claimed]], object],
    held: Callable[[Claimed], bool] | None = None,
) -> list[Claimed]:
    """Runs a claimer until a condition on what was started holds."""
    started: list[Claimed] = []

    def start(claimed: Claimed) -> None:
        slots.begin()
        started.append(claimed)

    claimer = Claimer(cast("Ready", ready), slots, LEASE, start, held or (lambda _: False), ready.forget)
    task = asyncio.create_task(claimer.run())
    async with asyncio.timeout(5):
        while not until(started):
            await asyncio.sleep(0.002)
    slots.release()  # in case it waits for one
    await claimer.stop()
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


async def test_several_partitions_share_the_slots_that_there_are() -> None:
    ready = ReadyStub(reads=entries(7), partitions=4)
    slots = Slots(6, 4, lambda: None)
    started = await run(ready, slots, lambda started: len(started) == 6 and len(ready.looked) == 2)
    assert started == entries(6)
    assert [most for _, most in ready.looked] == [4, 2], "four partitions, then as many as there are slots left"
    assert ready.reads == entries(7)[6:]


async def test_with_few_slots_all_partitions_are_looked_at_in_a_sweep() -> None:
    ready = ReadyStub(partitions=8)
    slots = Slots(2, 8, lambda: None)
    await run(ready, slots, lambda _: len(ready.looked) > 8)
    assert {most for _, most in ready.looked} == {2}
    sweeps = (ready.looked[8][0] - ready.looked[0][0]) / SWEEP
    assert 1.5 < sweeps < 4, "eight looks at two of eight partitions are two sweeps"


async def test_slots_that_become_free_while_it_reclaims_do_not_let_it_wait_for_a_few_partitions_only() -> None:
    slots = Slots(6, 4, lambda: None)
    for _ in range(await slots.acquire(4)):
        slots.begin()

    class Slow(ReadyStub):
        async def reclaim(self, min_idle: float, most: int) -> list[Claimed]:
            if not slots.ample:
                for _ in range(4):
                    slots.end()
            return await super().reclaim(min_idle, most)

    ready = Slow(partitions=4)
    await run(ready, slots, lambda _: len(ready.looked) > 1)
    looks = list(zip(ready.blocks, (most for _, most in ready.looked), strict=True))
    assert looks[:2] == [(0, 2), (LEASE / 3, 4)]


async def test_slots_that_came_to_nothing_are_given_back() -> None:
    ready = ReadyStub(reads=entries(1), partitions=3)
    slots = Slots(9, 3, lambda: None)
    await run(ready, slots, lambda started: started == entries(1))
    assert await slots.acquire(9) == 9 - 1 + 1, "all but the one that runs; and `run` gives back one more"


async def test_reclaiming_goes_before_reading_until_there_is_nothing_more() -> None:
    dead: list[Claimed | None] = [("1-0", "dead1"), ("2-0", "dead2")]
    ready = ReadyStub(reads=entries(1), reclaims=dead.copy())
    assert await run(ready, Slots(9, 1, lambda: None), lambda started: len(started) == 3) == [*dead, *entries(1)]
    assert [idle for _, idle in ready.asked[:3]] == [LEASE] * 3


async def test_the_dead_are_forgotten_rarely_and_only_after_their_sessions_were_taken_over() -> None:
    ready = ReadyStub(reclaims=[("1-0", "dead")], partitions=2)
    await run(ready, Slots(9, 2, lambda: None), lambda _: len(ready.asked) > 4)
    assert ready.forgot == [(2, tag, LEASE * SILENCE) for tag in ready.tags]


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
