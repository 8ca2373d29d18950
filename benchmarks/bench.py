"""The contenders that run now, and one measurement at a time."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from benchmarks import model
from benchmarks.contenders import ALL
from benchmarks.contenders.base import ROOT, Contender, NotStarted
from benchmarks.load.spec import Idle, Resumed, Spec, Talk
from benchmarks.results import Key, Measurement, Results

PATIENCE = 180.0
"""Seconds that one run of the load generator may take, longest handshakes and last replies included."""


class Bench:
    """Starts contenders when they are first measured, and lets them run beside each other until it ends.

    Idle, each of them costs next to nothing, and rounds can be interleaved. After a failed measurement a contender is
    started anew. A context manager, which stops them all.

    Args:
        place: where their files go.
        results: where measurements go; what it knows is not measured again.
    """

    def __init__(self, place: Path, results: Results) -> None:
        self._place = place
        self.results = results
        self._running: dict[str, Contender] = {}
        self._starts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as stack:
            for contender in self._running.values():
                stack.callback(contender.stop)

    def startup(self, key: Key) -> Measurement:
        """Measures how long a start takes, from nothing to the first answer."""
        if known := self.results.get(key):
            return known
        try:
            self.stop(key.contender)
            return self._keep(Measurement(key, seconds=self._start(key.contender).startup), key.contender)
        except NotStarted as error:
            return self._keep(Measurement(key, failure=str(error)), key.contender)
        finally:
            self.stop(key.contender)

    def measure(self, key: Key, **run: Any) -> Measurement:
        """Runs the load generator against a contender. `run` is what a `Spec` says beside whom it is for."""
        if known := self.results.get(key):
            return known
        try:
            contender = self._running.get(key.contender) or self._start(key.contender)
            spec = Spec(contender.dialect, contender.hosts, contender.processes(), **run)
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.load.generate"],
                input=msgspec.json.encode(spec),
                cwd=ROOT,
                capture_output=True,
                timeout=PATIENCE,
            )
            if done.returncode:
                failure = done.stderr.decode(errors="replace")[-1000:].strip()
                return self._keep(Measurement(key, failure=failure), key.contender)
            return self._keep(_read(key, spec.kind, done.stdout), key.contender)
        except (NotStarted, subprocess.TimeoutExpired) as error:
            return self._keep(Measurement(key, failure=str(error)), key.contender)

    def reader(self, key: Key) -> Measurement:
        """Measures what reading a model's stream costs."""
        if known := self.results.get(key):
            return known
        measured = model.measure(key)
        self.results.add(measured)
        return measured

    def stop(self, name: str) -> None:
        """Stops a contender, if it runs."""
        if contender := self._running.pop(name, None):
            contender.stop()

    def _start(self, name: str) -> Contender:
        self._starts += 1
        place = self._place / f"{name}-{self._starts}"
        place.mkdir()
        contender = ALL[name](place)
        contender.__enter__()
        self._running[name] = contender
        return contender

    def _keep(self, one: Measurement, name: str) -> Measurement:
        if one.failure:
            self.stop(name)
        self.results.add(one)
        return one


def _read(key: Key, kind: str, raw: bytes) -> Measurement:
    if kind == "idle":
        return Measurement(key, idle=msgspec.json.decode(raw, type=Idle))
    if kind == "resume":
        return Measurement(key, resumed=msgspec.json.decode(raw, type=Resumed))
    return Measurement(key, talk=msgspec.json.decode(raw, type=Talk))
