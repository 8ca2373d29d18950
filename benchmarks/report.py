"""Writes down what was measured, as Markdown for people and JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from benchmarks import figures
from benchmarks.machine import Machine
from benchmarks.plan import BUSY, Profile
from benchmarks.results import Results
from benchmarks.targets import TARGETS

LABELS = {
    "direct": "FastAPI alone",
    "direct-2": "FastAPI alone, 2 processes",
    "unbroken": "**Unbroken**",
    "unbroken-2": "**Unbroken**, 2 servers + 2 workers",
    "unbroken-no-aof": "Unbroken without append-only file",
    "chainlit": "Chainlit",
    "taskiq": "FastAPI + taskiq + pub/sub",
    "arq": "FastAPI + arq + pub/sub",
    "tutorial": "the tutorial's design",
}
"""Contenders as readers know them, in the order of tables."""
_NOTHING = "–"


def as_json(machine: Machine, profile: Profile, results: Results) -> bytes:
    """Everything: the machine, the plan, the targets, and each measurement in a line."""
    targets = [
        {
            "what": target.what,
            "reached": (reached := target.reached(results)),
            "must": target.must,
            "goal": target.goal,
            "verdict": target.verdict(reached),
        }
        for target in TARGETS
    ]
    head = msgspec.json.format(msgspec.json.encode({"machine": machine, "profile": profile, "targets": targets}))
    lines = b",\n    ".join(msgspec.json.encode(one) for one in results.all())
    return head.removesuffix(b"\n}") + b',\n  "measurements": [\n    ' + lines + b"\n  ]\n}\n"


def as_markdown(machine: Machine, profile: Profile, results: Results) -> str:
    """Every table that there is something to say in."""
    parts = [
        _machine(machine, profile),
        _targets(results),
        _speed(results),
        _paced(results, profile),
        _others(results, profile),
        _load(results),
        _failures(results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _machine(machine: Machine, profile: Profile) -> str:
    versions = "; ".join(
        f"{venv}: " + ", ".join(f"{name} {version}" for name, version in found.items())
        for venv, found in machine.versions.items()
    )
    return (
        f"Measured {machine.date} at {machine.commit} on {machine.cores} cores of {machine.cpu}, "
        f"{machine.memory_gib} GiB, {machine.kernel}, Python {machine.python}, load average {machine.load} before. "
        f"Medians of {profile.rounds} rounds, {profile.seconds:g} s each. Versions: {versions}."
    )


def _targets(results: Results) -> str:
    rows = []
    for target in TARGETS:
        reached = target.reached(results)
        sign = "≥" if target.more else "≤"
        verdict = {"goal": "yes, and the goal", "must": "yes", "missed": "**no**"}.get(
            target.verdict(reached), _NOTHING
        )
        rows.append((target.what, f"{sign} {target.must:g}", f"{sign} {target.goal:g}", _number(reached), verdict))
    return _table("Targets", ("Unbroken, 1 server + 1 worker", "must", "goal", "reached", "met?"), rows)


def _speed(results: Results) -> str:
    def row(name: str) -> list[str]:
        chunks = results.median("unpaced", name, figures.chunks_per_second)
        frames = results.median("unpaced", name, figures.frames_per_second)
        cpu = results.median("unpaced", name, figures.cpu_per_chunk)
        return [
            _number(chunks),
            _number(frames),
            _number(chunks / frames if chunks and frames else None),
            _number(cpu, 1e6),
            _number(results.median("messages", name, figures.replies_per_second)),
            _number(results.median("first", name, figures.first_chunk), 1e3),
        ]

    head = (
        "",
        "chunks/s",
        "frames/s",
        "chunks per frame",
        "CPU per chunk, µs",
        "1-chunk messages/s",
        "first token, ms",
    )
    return _contenders(f"As fast as it goes, {BUSY} sessions; first token on the idle system", head, row)


def _paced(results: Results, profile: Profile) -> str:
    def row(name: str) -> list[str]:
        most = figures.most_sessions(results, name) if "ladder" in profile.metrics else None
        cells = [_number(most)]
        for sessions in profile.paced:
            delays = [
                results.median("paced", name, figure, sessions) for figure in (figures.delay_p50, figures.delay_p99)
            ]
            cells.append(_number(results.median("paced", name, figures.cpu_per_chunk, sessions), 1e6))
            cells.append(" / ".join(_number(delay, 1e3) for delay in delays) if delays[1] is not None else _NOTHING)
        return cells

    head = ["", "sessions at p99 ≤ 100 ms"]
    for sessions in profile.paced:
        head += [f"{sessions} sessions: CPU per chunk, µs", f"{sessions}: delay p50 / p99, ms"]
    return _contenders("At 50 tokens a second for each session", head, row)


def _others(results: Results, profile: Profile) -> str:
    def row(name: str) -> list[str]:
        cells = [_number(results.median("startup", name, lambda one: one.seconds))]
        for sessions in profile.idle:
            cells.append(_number(results.median("idle", name, figures.per_idle_session(sessions)), 1 / 1024))
            cells.append(_number(results.median("idle", name, figures.per_idle_session(sessions, "Valkey")), 1 / 1024))
        rate = results.median("resume", name, figures.resumes_per_second)
        return [*cells, _number(rate), _number(results.median("resume", name, figures.resume_p50), 1e3)]

    head = ["", "start, s"]
    for sessions in profile.idle:
        head += [f"KiB per idle session of {sessions:,}, web server", "Valkey"]
    return _contenders("At rest, and after a lost connection", [*head, "resumes/s", "resume p50, ms"], row)


def _load(results: Results) -> str:
    busy = figures.busy(results)
    if busy is None:
        return ""
    costs = [
        f"{_number(cost, 1e6)} µs a chunk from {name}"
        for name in ("direct", "unbroken", "ceiling")
        if (cost := figures.load_per_chunk(results, name)) is not None
    ]
    said = [f"The load generator's own CPU is not counted above. It took at most {busy:.0%} of a core in any run"]
    if costs:
        said.append(", and " + ", ".join(costs))
    most = results.median("unpaced", "ceiling", figures.frames_per_second)
    if most:
        said.append(f". From a server that only sends it took {_number(most)} frames/s")
    return "".join(said) + "."


def _failures(results: Results) -> str:
    lines = [
        f"- {one.key.metric}, {one.key.contender}, round {one.key.round + 1}"
        + (f", {one.key.sessions} sessions" if one.key.sessions else "")
        + f": {one.failure.splitlines()[0][:200]}"
        for one in results.all()
        if one.failure
    ]
    return "\n".join(["What could not be measured:", "", *lines]) if lines else ""


def _contenders(title: str, head: Sequence[str], row: Callable[[str], list[str]]) -> str:
    rows = [(label, *row(name)) for name, label in LABELS.items()]
    full = [cells for cells in rows if any(cell != _NOTHING for cell in cells[1:])]
    return _table(title, head, full) if full else ""


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [f"**{title}**", "", "| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _number(value: float | None, scale: float = 1) -> str:
    """Three digits that count, more never: the rest is noise."""
    if value is None:
        return _NOTHING
    value *= scale
    if abs(value) >= 100:
        digits = len(str(round(abs(value)))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"
