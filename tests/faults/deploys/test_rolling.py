"""A deploy is nothing that a user could notice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Sequence
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
MORE = 2.0
"""Seconds that a deploy may let a user wait longer than users of another deployment wait at the same time, whose
processes nobody replaces: a busy machine holds up both.
"""
PACE = "40 50"
"""Words of a reply, and the ms between them: the grace time of one second ends in the middle of many."""
KINDS: tuple[Talk, ...] = (by_client, by_socket, by_stream)


@asynccontextmanager
async def talking(url: str, each: int) -> AsyncIterator[list[Screen]]:
    """Users of all kinds, who had a first reply and talk until the block ends, and then until they have their last.

    What any of them finds wrong is raised.
    """
    users = [(Screen(f"{talk.__name__}{number}", PACE), talk) for talk in KINDS for number in range(each)]
    screens = [screen for screen, _ in users]
    async with asyncio.TaskGroup() as tasks:
        for screen, talk in users:
            tasks.create_task(talk(screen, url), name=screen.name)
        while not all(screen.replies for screen in screens):
            await asyncio.sleep(0.02)
        yield screens
        for screen in screens:
            screen.finish()


async def longest_waits(groups: Sequence[list[Screen]], during: Awaitable[None]) -> list[float]:
    """Of each group, the longest time that nothing moved on one of its screens."""
    for screens in groups:
        for screen in screens:
            screen.begin()
    await during
    for screens in groups:
        for screen in screens:
            screen.moved()  # a screen that stands still now counts too
    return [max(screen.longest for screen in screens) for screens in groups]


@pytest.mark.timeout(90 + 60 * DEPLOYS)
@pytest.mark.parametrize(
    ("way", "bot"),
    [("new_first", "tests.faults.deploys.bots:Continuing"), ("old_first", "tests.e2e.bots:counting")],
)
async def test_nobody_notices(way: str, bot: str, valkey: Embedded, prefix: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    async with (
        Deployment(valkey.address, prefix, tmp_path, drain_grace=1) as deployment,
        Deployment(valkey.address, f"{prefix}-other", tmp_path / "other") as other,
        Balancer() as balancer,
    ):
        fleet = Fleet(deployment, balancer, bot)
        (_, url), *_ = await asyncio.gather(other.server(), other.worker(bot), fleet.start())
        async with talking(url, each=1) as undisturbed, talking(balancer.url, each=4) as screens:
            groups = (screens, undisturbed)
            waits = [await longest_waits(groups, getattr(fleet, way)()) for _ in range(DEPLOYS)]
        replies, restarts = (sum(getattr(screen, name) for screen in screens) for name in ("replies", "restarts"))
    print(f"{way}: {replies} replies, {restarts} began anew; longest waits, here and there: {waits}")
    assert all(here < there + MORE for here, there in waits)
    if "Continuing" in bot:
        assert not restarts
    record(
        "rolling restart of all servers and workers under load",
        way.replace("_", " "),
        injections=DEPLOYS,
        checked="ABCD",
        recovery={"longest wait for the next token": [here for here, _ in waits]},
    )
