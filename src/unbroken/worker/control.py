"""Hears of cancellations the moment they are asked for."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from unbroken.errors import Unavailable
from unbroken.keys import Keys
from unbroken.redis.client import RedisClient
from unbroken.worker.lease import Leases
from unbroken.worker.reply import Reply, Stop

_REMEMBERED = 256


class Control:
    """Listens on the control channels of all partitions. What is missed there, the next renewal of a lease tells."""

    def __init__(self, redis: RedisClient, keys: Keys, leases: Leases) -> None:
        self._keys = keys
        self._leases = leases
        self._early: deque[tuple[str, int]] = deque(maxlen=_REMEMBERED)
        self._live = redis.live(self._heard, self._missed)

    async def run(self) -> None:
        """Subscribes, for as long as that takes, and then listens."""
        await asyncio.gather(*(self._listen(tag) for tag in self._keys.tags))

    async def _listen(self, tag: str) -> None:
        while True:
            with contextlib.suppress(Unavailable):
                await self._live.subscribe(self._keys.partition(tag).control, tag)
                return
            await asyncio.sleep(1.0)

    def begun(self, reply: Reply) -> None:
        """Stops a reply whose cancellation was heard of before the reply was known."""
        if (reply.claim.session, reply.claim.epoch) in self._early:
            reply.stop(Stop.CANCELLED)

    def _heard(self, _: str, payload: bytes) -> None:
        session, _, epoch = payload.decode().partition(" ")
        reply = self._leases.find(session, int(epoch))
        if reply is not None:
            reply.stop(Stop.CANCELLED)
        else:
            self._early.append((session, int(epoch)))

    def _missed(self, _: str) -> None:
        self._leases.renew_soon()

    async def close(self) -> None:
        """Stops listening."""
        await self._live.close()
