"""Consumers of workers that died, and how they leave the consumer groups."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.scripts.desk import Desk
from tests.integration.worker.harness import Talk, working
from unbroken.backend import Backend
from unbroken.keys import GROUP
from unbroken.models.scripted import Scripted

pytestmark = pytest.mark.settings(partitions=1)


async def consumers(desk: Desk) -> set[str]:
    found = await desk.redis("XINFO", "CONSUMERS", desk.keys.ready, GROUP)
    names = [one[b"name"] if isinstance(one, dict) else one[1] for one in found]
    return {name.decode() for name in names}


async def silent(desk: Desk, name: str, seconds: float) -> None:
    """Waits until a consumer was silent for so long, by the server's clock."""
    for _ in range(2000):
        for one in await desk.redis("XINFO", "CONSUMERS", desk.keys.ready, GROUP):
            fields = one if isinstance(one, dict) else dict(zip(one[::2], one[1::2], strict=True))
            if fields[b"name"].decode() == name and fields[b"idle"] > 1000 * seconds:
                return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{name} is not silent")


async def test_without_a_group_there_is_nobody_to_forget(desk: Desk, backend: Backend) -> None:
    assert await backend.queue.forget(desk.keys.tag, 0.0) == 0
    await desk.accept("m1")
    assert await backend.queue.forget(desk.keys.tag, 0.0) == 0


async def test_the_silent_are_forgotten_unless_they_hold_a_session(desk: Desk, backend: Backend) -> None:
    await desk.accept("m1")
    await desk.read("holds")
    await desk.redis("XGROUP", "CREATECONSUMER", desk.keys.ready, GROUP, "idle")
    await silent(desk, "idle", 0.05)
    assert await backend.queue.forget(desk.keys.tag, 3600.0) == 0
    assert await backend.queue.forget(desk.keys.tag, 0.05) == 1
    assert await consumers(desk) == {"holds"}
    assert await desk.pending() == [(await desk.entry(), "holds")]
    assert (await desk.take("n1")).turn is not None, "what it held can be reclaimed and taken still"


async def test_one_that_only_waits_comes_back_with_its_work(desk: Desk, backend: Backend) -> None:
    ready = backend.redis.ready((desk.keys.tag,), "waits")
    assert await ready.read(0) == []
    reading = asyncio.create_task(ready.read(60))
    await silent(desk, "waits", 0.05)
    assert await backend.queue.forget(desk.keys.tag, 0.0) == 1
    await desk.accept("m1")
    ((entry, session),) = await reading
    assert session == "s"
    assert await desk.pending() == [(entry, "waits")]
    await ready.close()


async def test_a_worker_forgets_those_before_it(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unbroken.worker.claimer.SILENCE", 0.2)
    talk = await Talk.begin(backend)
    desk = Desk(backend, talk.session)
    async with working(backend, Scripted()) as first:
        await talk.ask("say a")
    assert await consumers(desk) == {first.consumer}
    async with working(backend, Scripted()) as second:
        await talk.ask("say b")
        for _ in range(2000):
            if await consumers(desk) == {second.consumer}:
                return
            await asyncio.sleep(0.01)
    raise AssertionError("the first worker is remembered still")
