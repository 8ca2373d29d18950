"""Everybody who talks at one deployment during one failover."""

from __future__ import annotations

import asyncio
import random

from tests.faults.replication.books import Losses
from tests.faults.replication.forgetter import Forgetter
from tests.faults.replication.keeper import Keeper
from tests.faults.violations import Verdict
from unbroken.client import Client


class Crowd:
    """People at three moments of it: while their messages are accepted, while replies stream, while they finish."""

    def __init__(self, url: str, name: str, verdict: Verdict, rng: random.Random) -> None:
        self._url = url
        self._name = name
        self._verdict = verdict
        self._rng = rng
        self._client = Client(url)
        self._streaming: list[Keeper] = []
        self._finishing: list[Keeper] = []
        self._accepting: list[Keeper] = []
        self._forgetters: list[Forgetter] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def come(self) -> None:
        """Makes the sessions."""
        for group in (self._streaming, self._finishing, self._accepting):
            group += [Keeper(await self._client.create(self._name), self._url, self._verdict) for _ in range(2)]
        for number in range(4):
            chat = await self._client.create(self._name)
            self._forgetters.append(Forgetter(self._url, chat.token, f"{self._name}-f{number}"))
            await chat.close()

    async def talk(self) -> None:
        """Begins replies that stream throughout, and many that finish at any moment."""
        for number, keeper in enumerate(self._streaming):
            await keeper.say(f"{self._name}-s{number}", 80, 0.05)
        for number, keeper in enumerate(self._finishing):
            for turn in range(12):
                await keeper.say(f"{self._name}-e{number}-{turn}", self._rng.randint(2, 8), 0.03)
        for number, forgetter in enumerate(self._forgetters):
            talking = forgetter.by_socket() if number % 2 else forgetter.by_request()
            self._tasks.append(asyncio.create_task(talking))

    async def talk_on(self) -> None:
        """Sends what only the primary will ever have."""
        for number, keeper in enumerate(self._accepting):
            for turn in range(3):
                await keeper.say(f"{self._name}-a{number}-{turn}", 3, 0.02)

    async def told(self, *, refused: bool = False) -> None:
        """Returns when each of those who forget was told once more that a message is there, or that it is not safe."""

        def counts() -> list[int]:
            return [forgetter.refused if refused else forgetter.taken for forgetter in self._forgetters]

        before = counts()
        while any(now <= then for now, then in zip(counts(), before, strict=True)):
            await asyncio.sleep(0.02)

    async def settle(self) -> Losses:
        """Returns what was lost, when all is answered and all readers agree."""
        for forgetter in self._forgetters:
            forgetter.over = True
        await asyncio.gather(*self._tasks)
        keepers = [*self._streaming, *self._finishing, *self._accepting]
        healed = await asyncio.gather(*(keeper.settle() for keeper in keepers))
        gone = await asyncio.gather(*(forgetter.settle(self._client) for forgetter in self._forgetters))
        return Losses.total([*healed, *gone])

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._client.close()
