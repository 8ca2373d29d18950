"""Connections that are cut, silent, slow or late: between clients and servers, and between our processes and Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.faults.kinds.scene import Fault, Scene
from tests.faults.proxy import Proxy, Way
from tests.faults.slot import Slot

Choose = Callable[[Slot], Proxy]


def _door(slot: Slot) -> Proxy:
    return slot.door


def _link(slot: Slot) -> Proxy:
    return slot.proxy


def _choice(scene: Scene, which: Choose) -> tuple[Slot, Proxy]:
    slot = scene.rng.choice(scene.site.servers if which is _door else scene.site.slots)
    return slot, which(slot)


def _cut(which: Choose) -> Callable[[Scene], Awaitable[int]]:
    async def inject(scene: Scene) -> int:
        proxy = _choice(scene, which)[1]
        cut = len(proxy.lines)
        proxy.cut()
        return int(cut > 0)

    return inject


def _silent(which: Choose) -> Callable[[Scene], Awaitable[int]]:
    """Black hole, in one direction or both: a while later all of it arrives, or the connections are gone."""

    async def inject(scene: Scene) -> int:
        proxy = _choice(scene, which)[1]
        ways = scene.rng.choice(((Way.UP,), (Way.DOWN,), (Way.UP, Way.DOWN)))
        proxy.hold(*ways)
        try:
            await asyncio.sleep(scene.rng.uniform(0.2, scene.site.shape.lease * 1.7))
            if scene.rng.random() < 0.5:
                proxy.cut()
        finally:
            proxy.release()
        return 1

    return inject


def _slow(which: Choose) -> Callable[[Scene], Awaitable[int]]:
    async def inject(scene: Scene) -> int:
        proxy = _choice(scene, which)[1]
        if scene.rng.random() < 0.5:
            proxy.delay = scene.rng.uniform(0.005, 0.1)
        else:
            proxy.rate = scene.rng.uniform(20_000, 200_000)
        await asyncio.sleep(scene.rng.uniform(0.5, 1.5))
        proxy.delay, proxy.rate = 0.0, None
        return 1

    return inject


NETWORK = [
    Fault("network between clients and a server", "connections cut", _cut(_door)),
    Fault("network between clients and a server", "silent (black hole), one way or both", _silent(_door)),
    Fault("network between clients and a server", "slow or late", _slow(_door)),
    Fault("network between a process and Redis", "connections cut", _cut(_link)),
    Fault("network between a process and Redis", "silent (black hole), one way or both", _silent(_link)),
    Fault("network between a process and Redis", "slow or late", _slow(_link)),
]
