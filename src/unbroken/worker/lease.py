"""Keeps the leases of all running replies, in one write."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from unbroken.errors import LeaseLost, Unavailable
from unbroken.queue import Queue
from unbroken.worker.reply import Reply, Stop

logger = logging.getLogger("unbroken.worker")


class Leases:
    """The running replies of this worker.

    Each is renewed every third of a lease, which also tells whether it was cancelled. One that is not renewed in time
    is another worker's as soon as that one asks.

    Args:
        consumer: who holds the leases.
        lease: their length in seconds.
    """

    def __init__(self, queue: Queue, consumer: str, lease: float) -> None:
        self._queue = queue
        self._consumer = consumer
        self._period = lease / 3
        self._replies: dict[tuple[str, int], Reply] = {}
        self._due = asyncio.Event()

    def add(self, reply: Reply) -> None:
        """Keeps this reply's lease from now on."""
        self._replies[reply.claim.session, reply.claim.epoch] = reply

    def discard(self, reply: Reply) -> None:
        """The reply has ended."""
        self._replies.pop((reply.claim.session, reply.claim.epoch), None)

    def find(self, session: str, epoch: int) -> Reply | None:
        """The running reply of this attempt, if this worker has it."""
        return self._replies.get((session, epoch))

    def all(self) -> list[Reply]:
        """Every running reply."""
        return list(self._replies.values())

    def renew_soon(self) -> None:
        """Renews now: a cancellation may have been missed."""
        self._due.set()

    async def run(self) -> None:
        """Renews for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._period):
                    await self._due.wait()
            self._due.clear()
            await asyncio.gather(*map(self._renew, self.all()))  # all in one tick: one write

    async def _renew(self, reply: Reply) -> None:
        try:
            if await self._queue.renew(reply.claim, self._consumer):
                reply.stop(Stop.CANCELLED)
        except LeaseLost:
            reply.stop(Stop.LOST)
        except Unavailable as error:
            logger.debug("session %s: the lease is not renewed: %s", reply.claim.session, error)
