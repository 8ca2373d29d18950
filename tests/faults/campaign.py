"""The long run: one deployment after another, each set up differently, round after round of faults on each.

Everything is drawn from one seed. A deployment and its rounds can be played again alone, by seed and number.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from tests.faults.ledger import Ledger
from tests.faults.round import Outcome, Plan, play
from tests.faults.site import Shape, Site

ROUNDS = 5
"""Rounds that one deployment lives for."""


class Kind(NamedTuple):
    """How a group of faults is played.

    Attributes:
        weight: how often it is drawn, compared with the others.
        faults: in one round.
        at_once: how many may be under way together.
        pause: mean seconds before each.
    """

    weight: int
    faults: int
    at_once: int = 1
    pause: float = 0.3


KINDS = {
    "servers": Kind(2, 12),
    "workers": Kind(4, 14),
    "pauses": Kind(3, 8, at_once=2),
    "calls": Kind(4, 51, at_once=3, pause=0.1),
    "live": Kind(2, 10),
    "restarts": Kind(3, 14, pause=1.0),
    "forgetting": Kind(1, 20),
    "network": Kind(3, 24, at_once=2),
    "people": Kind(3, 40, at_once=4, pause=0.1),
    "poison": Kind(1, 6, at_once=3),
    "storm": Kind(6, 60, at_once=4),
}


def plans(seed: str, rng: random.Random) -> list[Plan]:
    """The rounds of one deployment."""
    names = list(KINDS)
    drawn = rng.choices(names, [KINDS[name].weight for name in names], k=ROUNDS)
    return [
        Plan(f"{seed}.{number}", name, kind.faults, each=name != "storm", at_once=kind.at_once, pause=kind.pause)
        for number, name in enumerate(drawn)
        for kind in [KINDS[name]]
    ]


async def campaign(
    seed: str, minutes: float, only: int | None, failed: Callable[[Outcome, Site], None]
) -> AsyncIterator[Outcome]:
    """Plays until the time is over, or one deployment alone. `failed` may look at a site where something went wrong."""
    end = time.monotonic() + minutes * 60
    number = 0 if only is None else only
    while True:
        rng = random.Random(f"{seed}.{number}")
        async with Site(Shape.drawn(rng)) as site:
            book = Ledger()
            for plan in plans(f"{seed}.{number}", rng):
                outcome = await play(site, book, plan)
                if outcome.violations or outcome.trouble:
                    failed(outcome, site)
                yield outcome
                if outcome.trouble or (only is None and time.monotonic() > end):
                    break
        number += 1
        if only is not None or time.monotonic() > end:
            return
