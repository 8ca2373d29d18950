"""The benchmark itself, as small as it gets: it starts contenders, talks to them, and counts what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bench import Bench
from benchmarks.results import Key, Measurement, Results

WINDOW = {"seconds": 0.5, "warmup": 0.1}


@pytest.mark.usefixtures("_bundled")
def test_measures_direct_and_unbroken_and_goes_on_after_a_failure(tmp_path: Path) -> None:
    results = Results(tmp_path / "measurements.jsonl")
    with Bench(tmp_path, results) as bench:
        for name in ("direct", "unbroken"):
            paced = _sound(bench.measure(Key("paced", name, 0, 4), sessions=4, chunks=8, interval=0.01, **WINDOW))
            assert paced.talk
            assert paced.talk.chunks >= paced.talk.frames > 0
            assert paced.talk.delay_p50 is not None
            assert paced.talk.delay_p99 is not None
            assert 0 <= paced.talk.delay_p50 <= paced.talk.delay_p99
            assert sum(paced.talk.cpu.values()) >= 0
            busy = _sound(bench.measure(Key("unpaced", name, 0, 4), sessions=4, chunks=8, **WINDOW))
            assert busy.talk
            assert busy.talk.replies > 0
        resumed = _sound(
            bench.measure(Key("resume", "unbroken", 0), kind="resume", sessions=4, interval=0.01, seconds=2.0)
        )
        assert resumed.resumed
        assert resumed.resumed.resumes > 0
        idle = _sound(bench.measure(Key("idle", "unbroken", 0), kind="idle", steps=[5, 10]))
        assert idle.idle
        assert set(idle.idle.at) == {5, 10}
        assert bench.measure(Key("resume", "direct", 0), kind="resume", sessions=4, **WINDOW).failure
        _sound(bench.measure(Key("first", "direct", 0), sessions=1, chunks=1, **WINDOW))
        assert bench.measure(Key("paced", "direct", 0, 4), sessions=4) == results.get(Key("paced", "direct", 0, 4))


def _sound(one: Measurement) -> Measurement:
    assert one.failure is None
    return one
