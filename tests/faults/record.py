"""What a fault test found, one JSON line at a time, for the table in docs/reliability.md.

Any test may add a row, in any process; the line is appended in one write:

    record("replica partitioned, then promoted", "at a chunk; ack=replica", injections=1, seed="7",
           checked="AD", violations={"D": 0}, recovery={"streaming again": [2.4]})

Lines go to build/faults/<name of the source>.jsonl. Rows with the same fault and moment are added up by the report, so
a test records what it injected and does not count what others did.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[2] / "build" / "faults"
INVARIANTS = "ABCDEFG"


class Row(NamedTuple):
    """What was injected, and what came of it.

    Attributes:
        fault: what was broken.
        when: at which moment.
        injections: how often.
        checked: the invariants that were checked, as letters.
        violations: invariant → how often it did not hold.
        recovery: what was waited for → seconds, one for each time that somebody waited.
        seed: what replays it.
    """

    fault: str
    when: str
    injections: int
    checked: str
    violations: Mapping[str, int]
    recovery: Mapping[str, Sequence[float]]
    seed: str


def record(
    fault: str,
    when: str,
    *,
    injections: int = 1,
    checked: str = "",
    violations: Mapping[str, int] | None = None,
    recovery: Mapping[str, Sequence[float]] | None = None,
    seed: str = "",
    source: str = "tests",
) -> None:
    """Appends a row. A test that failed records nothing: its failure is the report."""
    row = Row(fault, when, injections, checked, violations or {}, recovery or {}, seed)
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = os.open(FOLDER / f"{source}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, json.dumps(row._asdict()).encode() + b"\n")
    finally:
        os.close(file)


def read(folder: Path = FOLDER) -> list[Row]:
    """Every row that was recorded, of all sources."""
    lines = (line for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines())
    return [Row(**json.loads(line)) for line in lines]
