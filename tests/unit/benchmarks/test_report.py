"""What is made of measurements."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import figures, plot, report
from benchmarks.load.spec import Idle, Talk
from benchmarks.machine import Machine
from benchmarks.plan import PROFILES
from benchmarks.results import Key, Measurement, Results
from benchmarks.targets import TARGETS, Target

MACHINE = Machine("2026-01-31", "a CPU", 2, 4.0, "Linux 6", "3.11", 0.1, "abc", {".venv": {"unbroken": "1"}})


def talk(chunks: int, *, frames: int = 1, cpu: float = 1.0, late: float = 0.001, start: float = 0.01) -> Talk:
    return Talk(10, 2.0, chunks, frames, 5, late, late, start, start, {"web server": cpu}, 0.5)


def made(*found: tuple[str, str, int, int, Talk | None]) -> Results:
    results = Results()
    for metric, contender, number, sessions, one in found:
        key = Key(metric, contender, number, sessions)
        results.add(Measurement(key, talk=one, failure=None if one else "it fell over\nat length"))
    return results


def test_ratios_compare_what_was_measured_in_the_same_round() -> None:
    results = made(
        *(("unpaced", "unbroken", number, 100, talk(chunks)) for number, chunks in enumerate((40, 400, 90))),
        *(("unpaced", "direct", number, 100, talk(chunks)) for number, chunks in enumerate((10, 200, 30))),
        ("unpaced", "unbroken", 3, 100, talk(1000)),
        ("unpaced", "direct", 3, 100, None),
    )
    assert figures.ratio(results, "unpaced", figures.chunks_per_second, "unbroken", "direct") == 3
    assert figures.ratio(results, "unpaced", figures.chunks_per_second, "unbroken", "chainlit") is None


def test_a_rung_above_one_that_was_too_much_does_not_count() -> None:
    results = made(
        ("paced", "direct", 0, 100, talk(1)),
        ("paced", "direct", 0, 200, talk(1, late=0.2)),
        ("paced", "direct", 0, 400, talk(1)),
        ("paced", "unbroken", 0, 100, talk(1)),
        ("paced", "chainlit", 0, 100, None),
        ("paced", "taskiq", 0, 100, talk(1, start=2.0)),
    )
    assert figures.borne(results, "direct", 0) == 100
    assert figures.too_many(results, "direct", 0) == 200
    assert figures.borne(results, "chainlit", 0) == 0
    assert figures.borne(results, "taskiq", 0) == 0
    assert figures.borne(results, "arq", 0) is None
    assert figures.borne(results, "unbroken", 0) is None, "nobody tried more"


def test_memory_is_the_difference() -> None:
    idle = Idle({"web server": 1000}, {5: {"web server": 1500}})
    one = Measurement(Key("idle", "direct", 0), idle=idle)
    assert figures.per_idle_session(5)(one) == 100
    assert figures.per_idle_session(10)(one) is None


@pytest.mark.parametrize(
    ("reached", "more", "verdict"),
    [
        (None, True, "not measured"),
        (5.0, True, "goal"),
        (4.0, True, "must"),
        (3.0, True, "missed"),
        (3.0, False, "goal"),
        (4.5, False, "must"),
        (6.0, False, "missed"),
    ],
)
def test_verdicts(reached: float | None, more: bool, verdict: str) -> None:
    target = Target("x", lambda results: reached, 4 if more else 5, 5 if more else 4, more)
    assert target.verdict(reached) == verdict


def test_results_are_there_again_after_an_interruption(tmp_path: Path) -> None:
    file = tmp_path / "measurements.jsonl"
    one = Measurement(Key("paced", "direct", 1, 100), talk=talk(7))
    Results(file).add(one)
    again = Results(file)
    assert again.get(one.key) == one
    assert list(again.all()) == [one]


def test_tables_and_plots_of_anything_between_nothing_and_all() -> None:
    some = made(
        ("unpaced", "direct", 0, 100, talk(123_456, frames=123_456)),
        ("unpaced", "unbroken", 0, 100, talk(400_000, frames=80_000)),
        ("paced", "unbroken", 0, 100, talk(10, late=0.003)),
        ("paced", "unbroken", 0, 500, talk(10, late=0.2)),
        ("messages", "chainlit", 0, 100, None),
    )
    full = report.as_markdown(MACHINE, PROFILES["full"], some)
    assert "| **Unbroken** | 200,000 | 40,000 | 5 |" in full
    assert "| unpaced chunks/s ÷ direct, 1 process | ≥ 3.5 | ≥ 5 | 3.24 | **no** |" in full
    assert "- messages, chainlit, round 1, 100 sessions: it fell over\n" in full
    assert full.count("÷") >= len(TARGETS) - 1
    for results in (Results(), some):
        text = report.as_markdown(MACHINE, PROFILES["quick"], results)
        assert "None" not in text
        everything = json.loads(report.as_json(MACHINE, PROFILES["quick"], results))
        assert len(everything["measurements"]) == len(list(results.all()))
        assert len(everything["targets"]) == len(TARGETS)
        for drawn in (plot.delays(results), plot.cpu(results, (100, 500))):
            if results is some:
                assert ElementTree.fromstring(drawn).tag.endswith("svg")
            else:
                assert drawn == ""
