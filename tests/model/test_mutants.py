"""Does the model notice when a rule is missing? Otherwise its green says nothing.

pytest tests/model/test_mutants.py -rP | grep noticed      which law noticed, and when
"""

from __future__ import annotations

import itertools
import re

import pytest

from tests.model.connection import Connection
from tests.model.lua import assemble
from tests.model.mutants import MUTANTS, Mutant
from tests.model.schedule import run
from tests.model.violation import Violation

PATIENCE = 150
"""Schedules within which each damage has to be noticed."""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_missing_rule_is_noticed(connection: Connection, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = MUTANTS[name]
    if mutant.patch:
        mutant.patch(monkeypatch)
    schedules, law = _first_violation(connection, mutant)
    print(f"{name}: noticed after {schedules} schedules: {law[:60]}")
    assert re.match(mutant.law, law), "noticed, but for another reason"


def _first_violation(connection: Connection, mutant: Mutant) -> tuple[int, str]:
    scripts = assemble(*mutant.damages)
    modes = itertools.cycle(mutant.modes)
    for seed in range(PATIENCE):
        try:
            run(connection, scripts, seed, next(modes))
        except Violation as violation:
            return seed + 1, str(violation).splitlines()[0]
    pytest.fail(f"not noticed in {PATIENCE} schedules")
