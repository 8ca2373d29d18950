"""Letting everyone go before the server stops."""

from __future__ import annotations

import asyncio
import time

import pytest

from unbroken.server.clients import Clients


class Guest:
    def __init__(self, clients: Clients, stays: float | None = 0.0) -> None:
        self.after: float | None = None
        self.told = asyncio.Event()
        self.stays = stays
        self.clients = clients

    def leave(self, after: float) -> None:
        self.after = after
        self.told.set()

    async def visit(self) -> None:
        with self.clients.joined(self):
            await self.told.wait()
            await asyncio.sleep(3600 if self.stays is None else self.stays)


async def test_draining_waits_for_the_last_one_and_spreads_their_return() -> None:
    clients = Clients(spread=2.0)
    guests = [Guest(clients, stays=0.01 * i) for i in range(20)]
    visits = [asyncio.create_task(guest.visit()) for guest in guests]
    await asyncio.sleep(0)
    assert len(clients) == 20
    await clients.drain(grace=5)
    assert len(clients) == 0
    await asyncio.gather(*visits)
    afters = [guest.after for guest in guests if guest.after is not None]
    assert len(afters) == 20
    assert 0 <= min(afters) < max(afters) <= 2
    assert len(set(afters)) > 10


async def test_draining_does_not_wait_for_ever() -> None:
    clients = Clients(spread=0)
    visit = asyncio.create_task(Guest(clients, stays=None).visit())
    await asyncio.sleep(0)
    began = time.monotonic()
    await clients.drain(grace=0.05)
    assert 0.04 < time.monotonic() - began < 2
    visit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await visit
    assert len(clients) == 0


async def test_nobody_there_is_no_wait_and_who_comes_too_late_is_sent_away() -> None:
    clients = Clients(spread=0)
    await asyncio.wait_for(clients.drain(grace=100), 1)
    assert clients.draining
    late = Guest(clients)
    await asyncio.wait_for(late.visit(), 1)
    assert late.after is not None
