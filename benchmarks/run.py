"""The command: `python -m benchmarks.run`, or `make bench`. Measures, prints and writes tables and plots."""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from benchmarks import plot, report
from benchmarks.bench import Bench
from benchmarks.contenders.base import ROOT
from benchmarks.machine import describe
from benchmarks.metrics import Metrics
from benchmarks.narrator import Narrator
from benchmarks.plan import CONTENDERS, EVERYONE, PROFILES, Profile
from benchmarks.results import Results

PLACE = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- written by make bench PROFILE=full -->\n", "<!-- end -->\n"


def main() -> None:
    """Measures what the arguments ask for, and writes it down."""
    options = _arguments()
    profile = _profile(options)
    whole = profile == PROFILES[options.profile]
    # Only a whole full run may replace what the docs show.
    place = PLACE / (options.profile if whole else "partial")
    place.mkdir(parents=True, exist_ok=True)
    measurements = place / "measurements.jsonl"
    if not options.resume:
        measurements.unlink(missing_ok=True)
    machine, results = describe(), Results(measurements)
    _measure(profile, results)
    text = report.as_markdown(machine, profile, results)
    (place / "report.md").write_text(text)
    (place / "report.json").write_bytes(report.as_json(machine, profile, results))
    (place / "delay.svg").write_text(plot.delays(results))
    (place / "cpu.svg").write_text(plot.cpu(results, profile.paced))
    measurements.unlink()
    if whole and options.profile == "full":
        _insert(text)
    print(f"\n{text}\nWritten to {place.relative_to(ROOT)}/")


def _measure(profile: Profile, results: Results) -> None:
    # Ten thousand sockets, here and in each server.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="benchmark-") as place, Bench(Path(place), results) as bench:
        metrics = Metrics(bench, profile, Narrator(time.monotonic()))
        for metric in profile.metrics:
            metrics.run(metric, [name for name in CONTENDERS[metric] if name in profile.contenders])


def _insert(text: str) -> None:
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def _profile(options: argparse.Namespace) -> Profile:
    changes = {
        "rounds": options.rounds,
        "seconds": options.seconds,
        "paced": options.sessions,
        "metrics": options.metric,
        "contenders": options.only,
    }
    return replace(PROFILES[options.profile], **{name: value for name, value in changes.items() if value})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--profile", choices=PROFILES, default="quick", help="quick (the default) or full")
    parser.add_argument("--only", type=_names(EVERYONE), help="contenders: " + ",".join(EVERYONE))
    parser.add_argument("--metric", type=_names(CONTENDERS), help="metrics: " + ",".join(CONTENDERS))
    parser.add_argument("--sessions", type=_numbers, help="numbers of sessions for the metric paced, as in 100,500")
    parser.add_argument("--rounds", type=int, help="how often, of which the median counts")
    parser.add_argument("--seconds", type=float, help="how long each run counts")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run of the same arguments")
    return parser.parse_args()


def _names(known: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
        return names

    return parse


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    main()
