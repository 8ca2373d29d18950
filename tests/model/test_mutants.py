"""Does the model notice when a rule is missing? Otherwise its green says nothing. `make mutants` prints a table."""

from __future__ import annotations

import re

import pytest

from tests.model.connection import Connection
from tests.model.lua_mutants import LUA_MUTANTS
from tests.model.mutant import PATIENCE, notice
from tests.model.python_mutants import PYTHON_MUTANTS

MUTANTS = LUA_MUTANTS | PYTHON_MUTANTS


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_missing_rule_is_noticed(connection: Connection, name: str) -> None:
    noticed = notice(connection, MUTANTS[name])
    assert noticed, f"not noticed in {PATIENCE} schedules"
    print(f"{name}: noticed after {noticed.schedules} schedules: {noticed.law[:90]}")
    assert re.match(MUTANTS[name].law, noticed.law), "noticed, but for another reason"
