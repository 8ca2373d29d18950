from __future__ import annotations

import asyncio

import pytest

from unbroken.worker.slots import Slots


async def test_slots_go_to_who_asked_first() -> None:
    slots = Slots(1, 2, lambda: None)
    await slots.acquire()
    order: list[int] = []

    async def ask(number: int) -> None:
        await slots.acquire()
        order.append(number)
        slots.release()

    asking = [asyncio.create_task(ask(number)) for number in range(3)]
    await asyncio.sleep(0)
    slots.release()
    await asyncio.gather(*asking)
    assert order == [0, 1, 2]


@pytest.mark.parametrize(
    ("total", "claimers", "ample"), [(100, 16, True), (16, 16, True), (15, 16, False), (1, 1, True)]
)
async def test_whether_there_are_enough_for_all(total: int, claimers: int, ample: bool) -> None:
    assert Slots(total, claimers, lambda: None).ample is ample


async def test_scarcity_is_told_once_and_ends_only_when_it_is_clearly_over() -> None:
    told: list[bool] = []
    slots = Slots(10, 4, lambda: told.append(True))
    for _ in range(10):
        await slots.acquire()
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


async def test_with_as_many_slots_as_claimers_an_idle_worker_has_enough() -> None:
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
