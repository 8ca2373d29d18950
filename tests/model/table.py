"""Prints as Markdown which rules were taken out, and what noticed: `make mutants`, or `python -m tests.model.table`.

Each line is one damage: schedules, or the tests of the part, have to fail, and by the law that the rule serves. Words
on the command line choose those whose names hold them.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.model.connection import Connection
from tests.model.lua_mutants import LUA_MUTANTS
from tests.model.mutant import Mutant, notice
from tests.model.python_mutants import PYTHON_MUTANTS
from tests.model.shape import CHANNELS
from tests.model.source_mutants import SOURCE_MUTANTS, SourceMutant, failures
from tests.model.violation import LAWS
from unbroken.embedded import Embedded


@contextmanager
def server() -> Iterator[Connection]:
    """A connection to a Valkey that schedules may flush, with the settings of the embedded one but no file."""
    with (
        tempfile.TemporaryDirectory(prefix="ub-model-") as folder,
        Embedded(Path(folder), extra_args=("--appendonly", "no")) as valkey,
    ):
        connection = Connection(valkey.address)
        connection.subscribe(*CHANNELS)
        yield connection
        connection.close()


def main(words: list[str]) -> int:
    """Prints the table; returns how many damages were not noticed, or for another reason."""
    print("Laws: " + "; ".join(f"**{letter}** {law}" for letter, law in LAWS.items()) + ".\n")
    print("| rule taken out | where | noticed by | when |")
    print("|---|---|---|---|", flush=True)
    missed = 0
    with server() as connection:
        for name, mutant in (LUA_MUTANTS | PYTHON_MUTANTS | SOURCE_MUTANTS).items():
            if words and not any(word in name for word in words):
                continue
            by, when = _model(connection, mutant) if isinstance(mutant, Mutant) else _tests(mutant)
            missed += not when
            print(f"| {name} | `{mutant.where}` | {by} | {when or '**not noticed**'} |", flush=True)
    return missed


def _model(connection: Connection, mutant: Mutant) -> tuple[str, str]:
    noticed = notice(connection, mutant)
    if noticed is None:
        return "nothing", ""
    law = noticed.law.split(": ")
    right = re.match(mutant.law, noticed.law)
    return f"**{law[0]}** {law[1]}", f"{noticed.mode} {noticed.seed}, schedule {noticed.schedules}" if right else ""


def _tests(mutant: SourceMutant) -> tuple[str, str]:
    with tempfile.TemporaryDirectory(prefix="ub-mutant-") as folder:
        failed = failures(mutant, Path(folder))
    expected = mutant.test.rpartition("::")[2]
    return f"`{' '.join(failed) or 'nothing'}`", "its own test" if expected in failed else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
