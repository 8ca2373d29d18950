from __future__ import annotations

import asyncio

import pytest

from unbroken.worker.slots import Slots


async def test_slots_go_to_who_asked_first() -> None:
    slots = Slots(1, 2, lambda: None)
    await slots.acquire(1)
    order: list[int] = []

    async def ask(number: int) -> None:
        await slots.acquire(1)
        order.append(number)
        slots.release()

    asking = [asyncio.create_task(ask(number)) for number in range(3)]
    await asyncio.sleep(0)
    slots.release()
    await asyncio.gather(*asking)
    assert order == [0, 1, 2]


async def test_as_many_as_are_free_and_wanted_are_taken_at_once() -> None:
    slots = Slots(5, 2, lambda: None)
    assert await slots.acquire(3) == 3
    assert await slots.acquire(3) == 2
    waiting = asyncio.create_task(slots.acquire(3))
    await asyncio.sleep(0)
    slots.release(0)
    await asyncio.sleep(0)
    assert not waiting.done(), "nothing was given back"
    slots.release(2)
    assert await waiting == 2


async def test_whoever_gives_up_waiting_takes_nothing_along() -> None:
    slots = Slots(1, 1, lambda: None)
    await slots.acquire(1)
    first, second = (asyncio.create_task(slots.acquire(1)) for _ in range(2))
    await asyncio.sleep(0)
    slots.release()
    first.cancel()
    assert await second == 1


@pytest.mark.parametrize(
    ("total", "partitions", "ample"), [(100, 16, True), (16, 16, True), (15, 16, False), (1, 1, True)]
)
async def test_whether_there_are_enough_for_all(total: int, partitions: int, ample: bool) -> None:
    assert Slots(total, partitions, lambda: None).ample is ample


async def test_scarcity_is_told_once_and_ends_only_when_it_is_clearly_over() -> None:
    told: list[bool] = []
    slots = Slots(10, 4, lambda: told.append(True))
    assert await slots.acquire(10) == 10
    for _ in range(6):
        slots.begin()
    assert not told
    for _ in range(4):
        slots.begin()
    assert told == [True]
    for _ in range(5):
        slots.end()
    assert not slots.ample  # five are left for four: two more replies, and they would be scarce again
    slots.end()
    assert bool(slots.ample)


async def test_with_as_many_slots_as_partitions_an_idle_worker_has_enough() -> None:
    slots = Slots(4, 4, lambda: None)
    slots.begin()
    assert not slots.ample
    slots.end()
    assert slots.ample


async def test_with_fewer_it_never_has() -> None:
    slots = Slots(3, 4, lambda: None)
    slots.begin()
    slots.end()
    assert not slots.ample
