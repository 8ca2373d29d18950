"""The table of docs/reliability.md, and the figures behind it, from what was recorded."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from tests.faults.record import INVARIANTS, Row, read
from tests.faults.recovery import percentile

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def merged(rows: Iterable[Row]) -> list[Row]:
    """Rows of the same fault and moment, added up, in the order in which each first came."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        found[row.fault, row.when].append(row)
    return [_sum(fault, when, same) for (fault, when), same in found.items()]


def _sum(fault: str, when: str, rows: list[Row]) -> Row:
    violations: dict[str, int] = defaultdict(int)
    recovery: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for invariant, count in row.violations.items():
            violations[invariant] += count
        for what, seconds in row.recovery.items():
            recovery[what] += seconds
    checked = "".join(letter for letter in INVARIANTS if any(letter in row.checked for row in rows))
    seeds = " ".join(dict.fromkeys(row.seed for row in rows if row.seed))
    return Row(fault, when, sum(row.injections for row in rows), checked, violations, recovery, seeds)


def table(rows: Iterable[Row]) -> str:
    """Markdown: faults against invariants. A number is how often it did not hold; a dash, that it was not checked."""
    lines = [_line("fault", "when", "injected", *INVARIANTS), "|---|---|---:|" + ":-:|" * len(INVARIANTS)]
    last = ""
    for row in sorted(merged(rows), key=lambda row: (row.fault.lower(), row.when)):
        cells = [str(row.violations.get(letter, 0)) if letter in row.checked else "–" for letter in INVARIANTS]
        lines.append(_line(row.fault if row.fault != last else "", row.when, f"{row.injections:,}", *cells))
        last = row.fault
    return "\n".join(lines)


def recoveries(rows: Iterable[Row]) -> str:
    """Markdown: how long readers waited."""
    waits: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for what, seconds in row.recovery.items():
            waits[what] += seconds
    lines = [_line("what was waited for", "times", "p50", "p99", "longest"), "|---|---:|---:|---:|---:|"]
    for what, seconds in sorted(waits.items()):
        times = (percentile(seconds, 50), percentile(seconds, 99), max(seconds))
        lines.append(_line(what, f"{len(seconds):,}", *(f"{time:.2f} s" for time in times)))
    return "\n".join(lines)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def total(folder: Path) -> dict[str, int | str]:
    """The figures of all campaigns, added up; words are put side by side."""
    added: dict[str, int | str] = {}
    for file in sorted(folder.glob("campaign-*.json")):
        for name, value in json.loads(file.read_text()).items():
            before = added.get(name)
            if isinstance(value, int):
                added[name] = value + (before if isinstance(before, int) else 0)
            else:
                added[name] = f"{before}, {value}" if before else value
    return added


def write(folder: Path, page: Path | None) -> None:
    """Writes report.md and report.json from all that was recorded, and the results into the page between its marks."""
    rows, summary = read(folder), total(folder)
    text = "\n\n".join([_told(summary), table(rows), recoveries(rows)])
    (folder / "report.md").write_text(text + "\n")
    figures = {"summary": summary, "rows": [row._asdict() for row in merged(rows)]}
    (folder / "report.json").write_text(json.dumps(figures, indent=1))
    if page is not None and page.exists():
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


def _told(summary: dict[str, int | str]) -> str:
    said = {name: f"{value:,}" if isinstance(value, int) else value for name, value in summary.items()}
    return "\n".join(f"- {name}: {value}" for name, value in said.items())
