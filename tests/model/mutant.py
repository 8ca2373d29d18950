"""A rule taken out, and the schedules that have to notice: otherwise their green says nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.model.connection import Connection
from tests.model.lua import Damage, assemble
from tests.model.schedule import Mode, run
from tests.model.violation import Violation

PATIENCE = 400
"""Schedules within which each damage has to be noticed."""


class Mutant(NamedTuple):
    """One damage.

    Attributes:
        law: pattern of the law that has to notice.
        where: the file that is damaged.
        damages: in the scripts.
        patch: in Python.
        modes: where it can show.
    """

    law: str
    where: str
    damages: tuple[Damage, ...] = ()
    patch: Callable[[pytest.MonkeyPatch], None] | None = None
    modes: tuple[Mode, ...] = tuple(Mode)


class Noticed(NamedTuple):
    """The first violation: what it said, after how many schedules, and the last of them."""

    law: str
    schedules: int
    mode: Mode
    seed: int


def notice(connection: Connection, mutant: Mutant, first: int = 0) -> Noticed | None:
    """Runs schedules with the damage until one is noticed; None if none is.

    Args:
        first: the seed to begin with, before all others have their turn.
    """
    with pytest.MonkeyPatch.context() as patch:
        if mutant.patch:
            mutant.patch(patch)
        scripts = assemble(*mutant.damages)
        for number, seed in enumerate((first, *range(PATIENCE)), 1):
            mode = mutant.modes[seed % len(mutant.modes)]
            try:
                run(connection, scripts, seed, mode)
            except Violation as violation:
                return Noticed(str(violation).splitlines()[0], number, mode, seed)
    return None
