"""Claims sessions: those that have new work, and those whose worker died."""

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


class Claimer:
    """Takes no entry without a slot.

    While there are slots for all partitions, it waits in a blocking read, and work is taken the moment it arrives.
    When there are fewer, nobody may keep one while he waits: the partitions are looked at in turn, for an instant, as
    many at a time as there are slots.

    Args:
        ready: the reader of its partitions.
        lease: seconds of silence after which a session is taken from its worker.
        start: is given what was claimed, together with its slot.
        held: whether this worker runs an entry already.
        forget: removes the consumers of a partition that were silent for so many seconds and hold nothing.
    """

    def __init__(
        self,
        ready: Ready,
        slots: Slots,
        lease: float,
        start: Callable[[Claimed], None],
        held: Callable[[Claimed], bool],
        forget: Callable[[str, float], Awaitable[int]],
    ) -> None:
        self._ready = ready
        self._slots = slots
        self._lease = lease
        self._start = start
        self._held = held
        self._forget = forget
        self._clock = asyncio.get_running_loop().time
        self._stopped = False
        self._reclaim_at = 0.0
        self._forget_at = 0.0
        self._redis_was_away = False

    async def run(self) -> None:
        """Claims until it is stopped."""
        partitions = len(self._ready.tags)
        while not self._stopped:
            slots = await self._slots.acquire(partitions)
            claimed: list[Claimed] = []
            try:
                claimed = await self._claim(slots)
            finally:
                self._slots.release(slots - len(claimed))
            for one in claimed:
                self._start(one)
            if claimed:
                await asyncio.sleep(0)  # what was started goes to Redis before the next read
            elif not self._slots.ample:
                pause = SWEEP * slots / partitions
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - only spreads the load

    async def stop(self) -> None:
        """Ends the claiming at once; what a read just brought is started still."""
        self._stopped = True
        await self._ready.wake()

    async def give_way(self) -> None:
        """Ends a waiting read, so that its slots serve other partitions."""
        await self._ready.wake()

    async def _claim(self, slots: int) -> list[Claimed]:
        if self._stopped:
            return []
        found: list[Claimed] = []
        if self._clock() >= self._reclaim_at:
            found = await self._reclaim(slots)
        if not found and not self._stopped:
            # slots may have become ample just now, and these be fewer still
            waits = self._slots.ample and slots == len(self._ready.tags)
            found = await self._ready.read(min(LONGEST_WAIT, self._lease / 3) if waits else 0, slots)
        return [one for one in found if not self._held(one)]

    async def _reclaim(self, slots: int) -> list[Claimed]:
        """Takes over sessions of dead workers; looks for more only a third of a lease after it found none."""
        found: list[Claimed] = []
        pause = self._lease / 3
        with contextlib.suppress(Unavailable):
            if self._redis_was_away:
                # While Redis was away all leases ran out. Those who live get the time to renew theirs.
                await self._ready.reclaim(min_idle=1e6, most=slots)
                self._redis_was_away = False
                pause = self._lease / 2
            else:
                self._redis_was_away = True
                found = await self._ready.reclaim(min_idle=self._lease, most=slots)
                self._redis_was_away = False
                if not found:
                    await self._tidy()
        if not found:
            self._reclaim_at = self._clock() + pause * random.uniform(0.9, 1.1)  # noqa: S311
        return found

    async def _tidy(self) -> None:
        """Now and then removes the consumers of workers that are gone: each leaves one in every partition."""
        now, silence = self._clock(), SILENCE * self._lease
        if now >= self._forget_at:
            self._forget_at = now + silence * random.uniform(0.9, 1.1)  # noqa: S311
            await asyncio.gather(*(self._forget(tag, silence) for tag in self._ready.tags))
