"""Random schedules of everything that may go wrong, on the real scripts, checked against the contract.

The map: `schedule` draws actions from `senders`, `workers`, `watching` and `faults`; they change a `world`, whose calls
go through `router` and `connection` to a real server. What happened is written into a `journal` for each session, which
knows the laws of events; `replies` judges what scripts answer, `invariants` compares Redis with the journals after
every step, and each of the `clients` compares what it shows. `violation` lists the laws. The mutants prove that all
this can fail.

A failing one prints how to run it alone. The environment chooses others:

    MODEL_SCHEDULES=5000              how many (200)
    MODEL_FIRST=10000                 the first seed of each mode (0)
    MODEL_MODE=failover MODEL_SEED=7  this one only
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.model.connection import Connection
from tests.model.lua import assemble
from tests.model.schedule import Mode, run

SCHEDULES = int(os.environ.get("MODEL_SCHEDULES", "200"))
FIRST = int(os.environ.get("MODEL_FIRST", "0"))
PARTS = 2
"""Tests for each mode, so that they spread over processes."""
SEED = os.environ.get("MODEL_SEED")


def _cases() -> list[tuple[Mode, range]]:
    if SEED is not None:
        return [(Mode(os.environ.get("MODEL_MODE", "plain")), range(int(SEED), int(SEED) + 1))]
    end = FIRST + SCHEDULES // len(Mode)
    return [(mode, range(FIRST + part, end, PARTS)) for mode in Mode for part in range(PARTS)]


@pytest.mark.timeout(60 + SCHEDULES)
@pytest.mark.parametrize(("mode", "seeds"), [pytest.param(*case, id=f"{case[0]}-{case[1].start}") for case in _cases()])
def test_every_schedule_keeps_the_contract(connection: Connection, mode: Mode, seeds: range) -> None:
    scripts = assemble()
    for seed in seeds:
        run(connection, scripts, seed, mode)


@pytest.mark.parametrize("mode", Mode)
def test_a_seed_replays_exactly(connection: Connection, mode: Mode) -> None:
    first, second = (run(connection, assemble(), 7, mode).trace for _ in range(2))
    assert first == second


ANSWERS = {
    "create": "OK",
    "accept": "OK DUP BUSY FULL BAD UNKNOWN LATE GONE",
    "take": "OK EMPTY STALE GONE",
    "checkpoint": "OK LOST",
    "finish": "OK ALREADY FENCED BAD GONE",
    "renew": "OK LOST",
    "release": "OK LOST",
    "cancel": "RUNNING QUEUED DONE UNKNOWN GONE",
    "resume": "OK SNAP GONE",
    "touch": "OK GONE",
    "edit": "OK LATE UNKNOWN BAD GONE",
    "withdraw": "OK LATE UNKNOWN GONE",
    "send_now": "OK LATE UNKNOWN GONE",
    "feedback": "OK LATE UNKNOWN GONE",
    "rename": "OK GONE",
    "delete": "OK GONE",
}
"""What the scripts may answer, but for `create EXISTS`: ids of sessions are never used again; and for `checkpoint
BEHIND`, which few schedules meet."""


def test_schedules_meet_every_answer_of_every_script(connection: Connection) -> None:
    expected = {f"{script} {code}" for script, codes in ANSWERS.items() for code in codes.split()}
    expected.add("take of a remembered conversation")
    happened: Counter[str] = Counter()
    for seed in range(1000, 1040):
        for mode in Mode:
            happened += run(connection, assemble(), seed, mode).happened
        if expected <= happened.keys():
            return
    pytest.fail(f"never met: {sorted(expected - happened.keys())}")
