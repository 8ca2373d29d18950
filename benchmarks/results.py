"""Every measurement that was made, kept in a file as it is made, so that an interrupted run can go on."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from benchmarks.load.spec import Idle, Resumed, Talk

Outcome = TypeVar("Outcome", Talk, Idle, Resumed)


class Key(msgspec.Struct, frozen=True, array_like=True):
    """What was measured: of whom, in which round, with how many sessions (0 where that is no question)."""

    metric: str
    contender: str
    round: int
    sessions: int = 0


class Measurement(msgspec.Struct, frozen=True, omit_defaults=True):
    """One measurement: exactly one of the other fields is set.

    Attributes:
        seconds: the duration that was asked for.
        failure: why there is nothing.
    """

    key: Key
    talk: Talk | None = None
    idle: Idle | None = None
    resumed: Resumed | None = None
    seconds: float | None = None
    failure: str | None = None


class Results:
    """All measurements of a run.

    Args:
        file: one line of JSON for each; what it already holds counts as measured.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._all: dict[Key, Measurement] = {}
        if file and file.exists():
            for line in file.read_bytes().splitlines():
                one = msgspec.json.decode(line, type=Measurement)
                self._all[one.key] = one

    def add(self, one: Measurement) -> None:
        """Keeps it."""
        self._all[one.key] = one
        if self._file:
            with self._file.open("ab") as file:
                file.write(msgspec.json.encode(one) + b"\n")

    def get(self, key: Key) -> Measurement | None:
        """What was measured under this key."""
        return self._all.get(key)

    def all(self) -> Iterable[Measurement]:
        """Everything, in the order in which it was measured."""
        return self._all.values()

    def of(self, metric: str, contender: str, sessions: int | None = None) -> list[Measurement]:
        """All rounds of one thing, with this number of sessions or any."""
        return [
            one
            for key, one in self._all.items()
            if key.metric == metric and key.contender == contender and sessions in (None, key.sessions)
        ]

    def median(
        self, metric: str, contender: str, of: Callable[[Measurement], float | None], sessions: int | None = None
    ) -> float | None:
        """The median over rounds of what `of` reads from a measurement; None if it never was measured."""
        values = [of(one) for one in self.of(metric, contender, sessions) if not one.failure]
        return statistics.median(found) if (found := [value for value in values if value is not None]) else None
