"""Carries out a plan: rounds outside, contenders inside, so that a slow minute of the machine meets them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks import figures
from benchmarks.bench import Bench
from benchmarks.ladder import RUNGS, climb
from benchmarks.plan import BUSY, CHUNKS, INTERVAL, Profile
from benchmarks.results import Key, Measurement

Say = Callable[[Measurement], None]
FIRST_RUNG = 100
"""Where the ladder begins, while nothing is known."""
HOPE = 2
"""Nobody tries more than so many times as many sessions as were too many."""


class Metrics:
    """What can be measured, each method all rounds of one metric.

    Args:
        say: told of every measurement.
    """

    def __init__(self, bench: Bench, profile: Profile, say: Say) -> None:
        self._bench = bench
        self._profile = profile
        self._say = say
        self._window = {"seconds": profile.seconds, "warmup": profile.warmup}

    def run(self, metric: str, contenders: Sequence[str]) -> None:
        """Measures one metric of these contenders, all rounds."""
        one_round: Callable[[str, int], None] = getattr(self, metric)
        for number in range(self._profile.rounds):
            for contender in contenders:
                one_round(contender, number)

    def startup(self, contender: str, number: int) -> None:
        """From nothing to the first answer."""
        self._say(self._bench.startup(Key("startup", contender, number)))

    def idle(self, contender: str, number: int) -> None:
        """Memory of sessions that say nothing, once, in a contender that was just started."""
        if not number and self._profile.idle:
            self._bench.stop(contender)
            key = Key("idle", contender, number)
            self._say(self._bench.measure(key, kind="idle", steps=list(self._profile.idle)))
            self._bench.stop(contender)

    def unpaced(self, contender: str, number: int) -> None:
        """Chunks as fast as they come."""
        key = Key("unpaced", contender, number, BUSY)
        self._say(self._bench.measure(key, sessions=BUSY, chunks=CHUNKS, **self._window))

    def messages(self, contender: str, number: int) -> None:
        """Replies of a single chunk, so that what a message costs shows."""
        key = Key("messages", contender, number, BUSY)
        self._say(self._bench.measure(key, sessions=BUSY, chunks=1, **self._window))

    def first(self, contender: str, number: int) -> None:
        """The first chunk on an idle system: one session, and a pause before each question."""
        key = Key("first", contender, number, 1)
        self._say(self._bench.measure(key, sessions=1, chunks=1, think=0.01, **self._window))

    def paced(self, contender: str, number: int) -> None:
        """Replies at the pace of a model, with given numbers of sessions, but none that is far too large."""
        for sessions in self._profile.paced:
            too_many = figures.too_many(self._bench.results, contender, number)
            if too_many is None or sessions <= HOPE * too_many:
                self._paced(contender, number, sessions)

    def ladder(self, contender: str, number: int) -> None:
        """The same with more and more sessions, until the delay is too long. Begins where the last round ended."""
        known = figures.borne(self._bench.results, contender, number - 1)
        climb(
            lambda sessions: figures.bears(self._paced(contender, number, sessions)),
            known if known in RUNGS else FIRST_RUNG,
            *((1,) if known else ()),
        )

    def resume(self, contender: str, number: int) -> None:
        """Reconnects in the middle of a reply."""
        key = Key("resume", contender, number, BUSY)
        self._say(self._bench.measure(key, kind="resume", sessions=BUSY, interval=INTERVAL, **self._window))

    def reader(self, contender: str, number: int) -> None:
        """CPU for each token of a model's stream."""
        self._say(self._bench.reader(Key("reader", contender, number)))

    def _paced(self, contender: str, number: int, sessions: int) -> Measurement:
        key = Key("paced", contender, number, sessions)
        run = {"sessions": sessions, "chunks": CHUNKS, "interval": INTERVAL, **self._window}
        measurement = self._bench.measure(key, **run)
        self._say(measurement)
        return measurement
