"""A deploy is nothing that a user could notice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.deployment import Deployment
from tests.faults.deploys.balancer import Balancer
from tests.faults.deploys.rolling import Fleet
from tests.faults.deploys.screen import Screen
from tests.faults.deploys.talkers import Talk, by_client, by_socket, by_stream
from tests.faults.record import record
from unbroken.embedded import Embedded

DEPLOYS = int(os.environ.get("DEPLOYS", "5"))
"""How often everything is replaced, in each test."""
QUIET = 4.0
"""Seconds without a deploy, to know what is usual."""
MORE = 2.0
"""Seconds that a deploy may let a user wait longer than usual."""
PACE = "40 50"
"""Words of a reply, and the ms between them: the grace time of one second ends in the middle of many."""
KINDS: tuple[Talk, ...] = (by_client, by_socket, by_stream)


@asynccontextmanager
async def talking(url: str, each: int) -> AsyncIterator[list[Screen]]:
    """Users of all kinds who talk until the block ends, and then until they have their last reply.

    What any of them finds wrong is raised.
    """
    users = [(Screen(f"{talk.__name__}{number}", PACE), talk) for talk in KINDS for number in range(each)]
    screens = [screen for screen, _ in users]
    async with asyncio.TaskGroup() as tasks:
        for screen, talk in users:
            tasks.create_task(talk(screen, url), name=screen.name)
        yield screens
        for screen in screens:
            screen.finish()


async def longest_wait(screens: list[Screen], during: Awaitable[None]) -> float:
    for screen in screens:
        screen.begin()
    await during
    for screen in screens:
        screen.moved()  # a screen that stands still now counts too
    return max(screen.longest for screen in screens)


@pytest.mark.timeout(90 + 30 * DEPLOYS)
@pytest.mark.parametrize(
    ("way", "bot"),
    [("new_first", "tests.faults.deploys.bots:Continuing"), ("old_first", "tests.e2e.bots:counting")],
)
async def test_nobody_notices(way: str, bot: str, valkey: Embedded, prefix: str, tmp_path: Path) -> None:
    async with Deployment(valkey.address, prefix, tmp_path, drain_grace=1) as deployment, Balancer() as balancer:
        fleet = Fleet(deployment, balancer, bot)
        await fleet.start()
        async with talking(balancer.url, each=4) as screens:
            usual = await longest_wait(screens, asyncio.sleep(QUIET))
            waits = [await longest_wait(screens, getattr(fleet, way)()) for _ in range(DEPLOYS)]
        replies, restarts = (sum(getattr(screen, name) for screen in screens) for name in ("replies", "restarts"))
    print(f"{way}: {replies} replies, {restarts} began anew; longest waits {waits}, usual {usual:.2f} s")
    assert max(waits) < usual + MORE
    if "Continuing" in bot:
        assert not restarts
    record(
        "rolling restart of all servers and workers under load",
        way.replace("_", " "),
        injections=DEPLOYS,
        checked="ABCD",
        recovery={"longest wait for the next token": waits},
    )
