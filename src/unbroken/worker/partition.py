"""Claims the sessions of one partition: those that have new work, and those whose worker died."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

from unbroken.errors import Unavailable
from unbroken.redis.ready import Ready
from unbroken.worker.slots import Slots

LONGEST_WAIT = 5.0
"""Seconds that one read waits for work, at most."""

SWEEP = 0.1
"""Seconds in which every partition is looked at once while there are fewer free slots than partitions."""

SILENCE = 20.0
"""Leases after which a consumer that holds nothing is removed: its worker died, or stopped. Seen to as often."""

Claimed = tuple[str, str]
"""Id of the ready entry, id of the session."""


class Partition:
    """Takes one entry for each slot it gets, and no entry without a slot.

    While there are slots for all partitions, each waits in a blocking read, and work is taken the moment it arrives.
    When there are fewer, no partition may keep one while it waits: each looks in turn, for an instant.

    Args:
        ready: the reader of this partition.
        lease: seconds of silence after which a session is taken from its worker.
        start: is given what was claimed, together with its slot.
        held: whether this worker runs an entry already.
        forget: removes the consumers of this partition that were silent for so many seconds and hold nothing.
    """

    def __init__(
        self,
        ready: Ready,
        slots: Slots,
        lease: float,
        start: Callable[[Claimed], None],
        held: Callable[[Claimed], bool],
        forget: Callable[[float], Awaitable[int]],
    ) -> None:
        self._ready = ready
        self._slots = slots
        self._lease = lease
        self._start = start
        self._held = held
        self._forget = forget
        self._stopped = False
        self._reclaim_at = 0.0
        self._forget_at = 0.0
        self._redis_was_away = False

    async def run(self) -> None:
        """Claims until it is stopped."""
        while not self._stopped:
            await self._slots.acquire()
            claimed: Claimed | None = None
            try:
                claimed = await self._claim()
            finally:
                if claimed is None:
                    self._slots.release()
            if claimed is not None:
                self._start(claimed)
            elif not self._slots.ample:
                await asyncio.sleep(SWEEP * random.uniform(0.8, 1.2))  # noqa: S311 - only spreads the load

    async def stop(self) -> None:
        """Ends the claiming at once; what a read just brought is started still."""
        self._stopped = True
        await self._ready.wake()

    async def give_way(self) -> None:
        """Ends a waiting read, so that its slot serves another partition."""
        await self._ready.wake()

    async def _claim(self) -> Claimed | None:
        if self._stopped:
            return None
        found: list[Claimed] = []
        if asyncio.get_running_loop().time() >= self._reclaim_at:
            found = await self._reclaim()
        if not found and not self._stopped:
            found = await self._ready.read(min(LONGEST_WAIT, self._lease / 3) if self._slots.ample else 0)
        return found[0] if found and not self._held(found[0]) else None

    async def _reclaim(self) -> list[Claimed]:
        """Takes over one session of a dead worker; looks for the next only a third of a lease after it found none."""
        found: list[Claimed] = []
        pause = self._lease / 3
        with contextlib.suppress(Unavailable):
            if self._redis_was_away:
                # While Redis was away all leases ran out. Those who live get the time to renew theirs.
                await self._ready.reclaim(min_idle=1e6, count=1)
                self._redis_was_away = False
                pause = self._lease / 2
            else:
                self._redis_was_away = True
                found = await self._ready.reclaim(min_idle=self._lease, count=1)
                self._redis_was_away = False
                if not found:
                    await self._tidy()
        if not found:
            self._reclaim_at = asyncio.get_running_loop().time() + pause * random.uniform(0.9, 1.1)  # noqa: S311
        return found

    async def _tidy(self) -> None:
        """Now and then removes the consumers of workers that are gone: each leaves one in every partition."""
        now, silence = asyncio.get_running_loop().time(), SILENCE * self._lease
        if now >= self._forget_at:
            self._forget_at = now + silence * random.uniform(0.9, 1.1)  # noqa: S311
            await self._forget(silence)
