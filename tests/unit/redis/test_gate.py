from __future__ import annotations

import asyncio

import pytest

from unbroken.redis.dial import NotPrimary
from unbroken.redis.gate import Gate, pause


class Server:
    """Counts the dials that reach it."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.up = False
        self.dials = 0
        self.at_once = 0
        self.most_at_once = 0

    async def dial(self) -> None:
        async with self._gate.attempt():
            self.dials += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                await asyncio.sleep(0.001)
            finally:
                self.at_once -= 1
            if not self.up:
                raise NotPrimary("not now")


@pytest.fixture
def server() -> Server:
    return Server(Gate())


async def test_while_all_is_well_nobody_waits(server: Server) -> None:
    server.up = True
    await asyncio.gather(*(server.dial() for _ in range(20)))
    assert server.most_at_once == 20


async def test_while_it_fails_one_at_a_time_tries_and_all_share_the_failure(server: Server) -> None:
    await asyncio.gather(*(server.dial() for _ in range(20)), return_exceptions=True)
    server.most_at_once = server.dials = 0
    for _ in range(3):
        outcomes = await asyncio.gather(*(server.dial() for _ in range(20)), return_exceptions=True)
        assert [(type(one), str(one)) for one in outcomes] == [(NotPrimary, "not now")] * 20
    assert (server.most_at_once, server.dials) == (1, 3)
    server.up = True
    await asyncio.gather(*(server.dial() for _ in range(20)))
    assert server.dials == 3 + 20
    assert server.most_at_once == 19, "those who waited go together"


async def test_if_the_one_that_tries_goes_away_the_others_try_again(server: Server) -> None:
    with pytest.raises(NotPrimary):
        await server.dial()
    trying, waiting = asyncio.create_task(server.dial()), asyncio.create_task(server.dial())
    await asyncio.sleep(0)
    trying.cancel()
    with pytest.raises(ConnectionError, match="given up"):
        await waiting
    server.up = True
    await server.dial()


def test_pauses_grow_to_half_a_second() -> None:
    assert all(0.025 <= pause(1) <= 0.05 for _ in range(100))
    assert all(0.25 <= pause(10) <= 0.5 for _ in range(100))
