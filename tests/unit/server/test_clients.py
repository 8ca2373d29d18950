"""Letting everyone go before the server stops."""

from __future__ import annotations

import asyncio

import pytest

from unbroken.errors import Stopping
from unbroken.server.clients import Clients


class Guest:
    def __init__(self, clients: Clients, stays: float | None = 0.0) -> None:
        self.after: float | None = None
        self.left = 0.0
        self.told = asyncio.Event()
        self.stays = stays
        self.clients = clients

    def leave(self, after: float) -> None:
        self.after = after
        self.left = asyncio.get_running_loop().time()
        self.told.set()

    async def visit(self) -> None:
        with self.clients.joined(self):
            await self.told.wait()
            await asyncio.sleep(3600 if self.stays is None else self.stays)


async def test_draining_waits_for_the_last_one_and_lets_them_go_one_by_one() -> None:
    clients = Clients(spread=0.5)
    guests = [Guest(clients, stays=0.01 * i) for i in range(20)]
    visits = [asyncio.create_task(guest.visit()) for guest in guests]
    await asyncio.sleep(0)
    assert len(clients) == 20
    began = asyncio.get_running_loop().time()
    await clients.drain(grace=60)
    assert len(clients) == 0
    await asyncio.gather(*visits)
    assert [guest.after for guest in guests] == [0.0] * 20, "each was served until it left, and comes back at once"
    times = [guest.left - began for guest in guests]
    assert max(times) - min(times) > 0.1


async def test_draining_does_not_wait_for_ever() -> None:
    clients = Clients(spread=0)
    visit = asyncio.create_task(Guest(clients, stays=None).visit())
    await asyncio.sleep(0)
    clock = asyncio.get_running_loop().time
    began = clock()
    await clients.drain(grace=0.05)
    assert 0.04 < clock() - began < 2
    visit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await visit
    assert len(clients) == 0


async def test_nobody_there_is_no_wait_and_who_comes_too_late_is_sent_away() -> None:
    clients = Clients(spread=100)
    await asyncio.wait_for(clients.drain(grace=100), 1)
    with pytest.raises(Stopping):
        clients.admit()
    assert clients.draining
    late = Guest(clients)
    await asyncio.wait_for(late.visit(), 1)
    assert late.after, "it may have been led here again: not at once"
