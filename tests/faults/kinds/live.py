"""Live messages that are lost or repeated, and subscriptions that end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.faults.kinds.scene import Fault, Scene, While
from tests.faults.redis_proxy import Verdict
from tests.faults.slot import Slot


class _Noise(While):
    """Does something to every n-th live message that begins so."""

    def __init__(self, slots: list[Slot], every: int, verdict: Verdict, kinds: tuple[bytes, ...]) -> None:
        super().__init__(slots)
        self._every = every
        self._verdict = verdict
        self._kinds = kinds
        self._passed = 0

    def message(self, channel: bytes, payload: bytes) -> Verdict:
        if not payload.startswith(self._kinds):
            return Verdict.PASS
        self._passed += 1
        if self._passed % self._every:
            return Verdict.PASS
        self.done += 1
        return self._verdict


def _noise(most: int, verdict: Verdict, *kinds: bytes) -> Callable[[Scene], Awaitable[int]]:
    async def inject(scene: Scene) -> int:
        rule = _Noise(scene.site.servers, scene.rng.randint(1, most), verdict, kinds or (b"",))
        with rule:
            await asyncio.sleep(scene.rng.uniform(0.5, 1.5))
        return rule.done

    return inject


async def _cut(scene: Scene) -> int:
    servers = scene.site.servers
    unlucky = scene.rng.sample(servers, scene.rng.randint(1, len(servers)))
    for slot in unlucky:
        slot.proxy.cut_live()
    return len(unlucky)


LIVE = [
    Fault("subscription connection cut", "streaming", _cut),
    Fault("live messages dropped", "every n-th of all, n from 1 to 8", _noise(8, Verdict.DROP)),
    Fault("live messages dropped", "final events", _noise(2, Verdict.DROP, b"e ")),
    Fault("live messages dropped", "accepted messages and starts", _noise(2, Verdict.DROP, b"a ", b"s ")),
    Fault("live messages delivered twice", "every n-th of all, n from 1 to 8", _noise(8, Verdict.TWICE)),
]
