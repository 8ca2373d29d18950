"""Every fault of the table, a few times, on a deployment of real processes: nothing that was promised may break.

`python -m tests.faults` does the same for as long as you like.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.kinds import GROUPS, STORM
from tests.faults.ledger import Ledger
from tests.faults.round import Outcome, Plan, play
from tests.faults.site import Shape, Site
from unbroken.types import Status

pytestmark = [
    pytest.mark.usefixtures("_bundled"),
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]

SEVERAL = Shape(workers=3)
PAIR = Shape(workers=2)
CONTINUING = Shape(workers=3, continues=True)
GIVING_UP = Shape(attempts=3)


class Stage:
    """A deployment that goes on from round to round, as in a campaign, for as long as rounds of its shape come."""

    def __init__(self) -> None:
        self._shape: Shape | None = None
        self._site: Site
        self._book: Ledger

    async def play(self, plan: Plan, shape: Shape) -> Outcome:
        """Plays a round, and shows all that may explain a violation. After one, no other round has this deployment."""
        if self._shape != shape:
            await self.clear()
            self._site, self._book = await Site(shape).__aenter__(), Ledger()
            self._shape = shape
        outcome = await play(self._site, self._book, plan)
        if found := "\n".join([*map(str, outcome.violations), *outcome.trouble]):
            print(self._site.logs())
            await self.clear()
        assert not found, f"{plan} on {shape} did not hold:\n{found}"
        return outcome

    async def clear(self) -> None:
        """Ends the deployment, if there is one."""
        if self._shape is not None:
            self._shape = None
            await self._site.__aexit__(None, None, None)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.clear()


# The longest first, and those of one shape side by side.


async def test_all_at_once(stage: Stage) -> None:
    outcome = await stage.play(Plan("storm", STORM, 24, at_once=4, pause=0.2), CONTINUING)
    assert sum(outcome.injected.values()) > 12


async def test_users_bring_it_about(stage: Stage) -> None:
    outcome = await stage.play(Plan("people", "people", 8, each=True, at_once=2, sessions=4), CONTINUING)
    assert all(outcome.injected.values())


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("workers", SEVERAL),
        ("pauses", SEVERAL),
        ("calls", SEVERAL),
        ("servers", PAIR),
        ("restarts", PAIR),
        ("network", PAIR),
        ("live", PAIR),
        ("forgetting", PAIR),
    ],
)
async def test_every_fault_once(stage: Stage, name: str, shape: Shape) -> None:
    at_once = 3 if name == "calls" else 1
    plan = Plan(f"once-{name}", name, len(GROUPS[name]), each=True, at_once=at_once, pause=0.2, sessions=6)
    outcome = await stage.play(plan, shape)
    assert sum(outcome.injected.values()) >= len(GROUPS[name]) * 0.7, f"faults that did not come about: {outcome}"
    assert outcome.statuses[Status.COMPLETED] > plan.sessions


async def test_no_bot_survives_a_poison_message(stage: Stage) -> None:
    outcome = await stage.play(Plan("poison", "poison", 2, each=True, at_once=2, sessions=3), GIVING_UP)
    assert outcome.statuses[Status.FAILED] >= 1
    assert all(outcome.injected.values())
