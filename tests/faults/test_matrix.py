"""Every fault of the table, a few times, on a deployment of real processes: nothing that was promised may break.

`python -m tests.faults` does the same for as long as you like.
"""

from __future__ import annotations

import pytest

from tests.faults.kinds import GROUPS, STORM
from tests.faults.ledger import Ledger
from tests.faults.round import Outcome, Plan, play
from tests.faults.site import Shape, Site
from unbroken.types import Status

pytestmark = [pytest.mark.usefixtures("_bundled"), pytest.mark.timeout(300)]


async def round_of(plan: Plan, shape: Shape) -> Outcome:
    """Plays, and shows all that may explain a violation."""
    async with Site(shape) as site:
        outcome = await play(site, Ledger(), plan)
        if outcome.violations or outcome.trouble:
            print(site.logs())
    found = "\n".join([*map(str, outcome.violations), *outcome.trouble])
    assert not found, f"{plan} on {shape} did not hold:\n{found}"
    return outcome


@pytest.mark.parametrize("name", ["workers", "calls", "restarts", "network", "pauses", "servers", "live", "forgetting"])
async def test_every_fault_once(name: str) -> None:
    workers = 3 if name in ("workers", "pauses", "calls") else 2
    at_once = 3 if name == "calls" else 1
    plan = Plan(f"once-{name}", name, len(GROUPS[name]), each=True, at_once=at_once, pause=0.2, sessions=6)
    outcome = await round_of(plan, Shape(workers=workers))
    assert sum(outcome.injected.values()) >= len(GROUPS[name]) * 0.7, f"faults that did not come about: {outcome}"
    assert outcome.statuses[Status.COMPLETED] > plan.sessions


async def test_users_bring_it_about() -> None:
    outcome = await round_of(Plan("people", "people", 8, each=True, at_once=2, sessions=4), Shape(continues=True))
    assert all(outcome.injected.values())


async def test_no_bot_survives_a_poison_message() -> None:
    outcome = await round_of(Plan("poison", "poison", 2, each=True, at_once=2, sessions=3), Shape(attempts=3))
    assert outcome.statuses[Status.FAILED] >= 1
    assert all(outcome.injected.values())


async def test_all_at_once() -> None:
    outcome = await round_of(Plan("storm", STORM, 24, at_once=4, pause=0.2), Shape(workers=3, continues=True))
    assert sum(outcome.injected.values()) > 12
