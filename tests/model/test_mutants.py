"""Does the model notice when a rule is missing? Otherwise its green says nothing. `make mutants` prints a table."""

from __future__ import annotations

import re

import pytest

from tests.model.connection import Connection
from tests.model.lua_mutants import LUA_MUTANTS
from tests.model.mutant import PATIENCE, notice
from tests.model.python_mutants import PYTHON_MUTANTS

MUTANTS = LUA_MUTANTS | PYTHON_MUTANTS

NOTICED = {
    "a version names any other version": 150,
    "what is said meanwhile goes into a chunk that was tried": 274,
    "release has no fence": 64,
    "a mark of an earlier attempt cuts this one": 56,
    "send_now moves what was stopped": 45,
    "withdraw is not idempotent": 38,
    "resume ignores changes": 38,
    "finish lets anybody commit what is handed back": 33,
    "a checkpoint marks what the log lacks": 33,
    "take believes any ready entry": 24,
    "cancel comes after the outcome": 19,
}
"""Seeds that noticed what few do. They are tried first, only to save time: a change of the model may outdate them."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_missing_rule_is_noticed(connection: Connection, name: str) -> None:
    noticed = notice(connection, MUTANTS[name], NOTICED.get(name, 0))
    assert noticed, f"not noticed in {PATIENCE} schedules"
    print(f"{name}: noticed after {noticed.schedules} schedules: {noticed.law[:90]}")
    assert re.match(MUTANTS[name].law, noticed.law), "noticed, but for another reason"
