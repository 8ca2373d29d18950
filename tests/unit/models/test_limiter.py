from __future__ import annotations

import asyncio

import pytest

from unbroken.models import limiter
from unbroken.models.limiter import Limiter


@pytest.fixture(autouse=True)
def _short_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "MINUTE", 0.2)


async def begun(limit: Limiter, count: int) -> list[tuple[int, float]]:
    """When each of so many requests began that came one behind the other; in the order in which they began."""
    clock = asyncio.get_running_loop().time
    start, found = clock(), list[tuple[int, float]]()

    async def request(number: int) -> None:
        await limit.wait()
        found.append((number, clock() - start))

    await asyncio.gather(*(request(number) for number in range(count)))
    return found


async def test_a_minute_has_so_many_requests_in_their_order() -> None:
    found = await begun(Limiter(2), 5)
    assert [number for number, _ in found] == [0, 1, 2, 3, 4]
    times = [when for _, when in found]
    assert all(times[later] - times[later - 2] >= 0.199 for later in range(2, 5))
    assert times[1] < 0.15


async def test_less_than_one_in_a_minute() -> None:
    found = await begun(Limiter(0.5), 2)
    assert found[1][1] - found[0][1] >= 0.399


async def test_without_a_limit_nobody_waits() -> None:
    assert (await begun(Limiter(None), 1000))[-1][1] < 0.15


async def test_who_stops_waiting_uses_nothing_up() -> None:
    limit = Limiter(1)
    await limit.wait()
    clock = asyncio.get_running_loop().time
    start = clock()
    waiting = [asyncio.create_task(limit.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting[:2]:
        task.cancel()
    await waiting[2]
    assert 0.19 <= clock() - start < 0.39
