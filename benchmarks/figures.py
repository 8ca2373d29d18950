"""Reads figures off measurements: per second, per chunk, per session, and how one contender stands to another."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from benchmarks.ladder import RUNGS
from benchmarks.plan import BUSY, LATE, LATE_START
from benchmarks.results import Measurement, Results

Figure = Callable[[Measurement], float | None]


def chunks_per_second(one: Measurement) -> float | None:
    """Text that arrived, whatever it was wrapped in."""
    return one.talk.chunks / one.talk.seconds if one.talk else None


def frames_per_second(one: Measurement) -> float | None:
    """WebSocket messages with text in them."""
    return one.talk.frames / one.talk.seconds if one.talk else None


def replies_per_second(one: Measurement) -> float | None:
    """Complete replies."""
    return one.talk.replies / one.talk.seconds if one.talk else None


def cpu_per_chunk(one: Measurement) -> float | None:
    """Seconds of CPU, of all processes of the contender."""
    return sum(one.talk.cpu.values()) / one.talk.chunks if one.talk and one.talk.chunks else None


def first_chunk(one: Measurement) -> float | None:
    """Seconds from a question to the first chunk, median."""
    return one.talk.start_p50 if one.talk else None


def delay_p50(one: Measurement) -> float | None:
    """Seconds that a chunk came late, median."""
    return one.talk.delay_p50 if one.talk else None


def delay_p99(one: Measurement) -> float | None:
    """Seconds that a chunk came late, which one of a hundred exceeds."""
    return one.talk.delay_p99 if one.talk else None


def resumes_per_second(one: Measurement) -> float | None:
    """Clients that came back and got what they had missed."""
    return one.resumed.resumes / one.resumed.seconds if one.resumed else None


def resume_p50(one: Measurement) -> float | None:
    """Seconds from the new connection to the first event that had been missed, median."""
    return one.resumed.p50 if one.resumed else None


def part_per_chunk(part: str) -> Figure:
    """Seconds of CPU of one part of the contender."""
    return lambda one: one.talk.cpu.get(part, 0) / one.talk.chunks if one.talk and one.talk.chunks else None


def per_idle_session(sessions: int, part: str = "web server") -> Figure:
    """Bytes of a part of the contender for each idle session, with so many of them."""

    def figure(one: Measurement) -> float | None:
        if not one.idle or sessions not in one.idle.at:
            return None
        return (one.idle.at[sessions].get(part, 0) - one.idle.before.get(part, 0)) / sessions

    return figure


def bears(one: Measurement) -> bool:
    """Whether a paced run was delivered in time."""
    talk = one.talk
    if talk is None or talk.delay_p99 is None or talk.start_p99 is None:
        return False
    return talk.delay_p99 <= LATE and talk.start_p99 <= LATE_START


def too_many(results: Results, contender: str, number: int) -> int | None:
    """The fewest paced sessions that a contender did not bear in a round, of those that were tried."""
    tried = [one for one in results.of("paced", contender) if one.key.round == number]
    return min((one.key.sessions for one in tried if not bears(one)), default=None)


def borne(results: Results, contender: str, number: int) -> int | None:
    """The most paced sessions below that, 0 if it bore none; None as long as nobody knows what is too much."""
    limit = too_many(results, contender, number)
    tried = [one.key.sessions for one in results.of("paced", contender) if one.key.round == number]
    if limit is None and RUNGS[-1] not in tried:
        return None
    return max((sessions for sessions in tried if limit is None or sessions < limit), default=0)


def most_sessions(results: Results, contender: str) -> float | None:
    """The median of that over rounds."""
    rounds = {one.key.round for one in results.of("paced", contender)}
    found = [value for number in rounds if (value := borne(results, contender, number)) is not None]
    return statistics.median(found) if found else None


def sessions_ratio(results: Results, contender: str, other: str) -> float | None:
    """How many times as many paced sessions one bears as the other, median over rounds."""
    rounds = {one.key.round for one in results.of("paced", contender)}
    pairs = [(borne(results, contender, number), borne(results, other, number)) for number in rounds]
    return _median([mine / theirs for mine, theirs in pairs if mine is not None and theirs])


def ratio(
    results: Results, metric: str, figure: Figure, contender: str, other: str, sessions: int | None = None
) -> float | None:
    """One contender's figure by another's, median over rounds: each round compares what was measured together."""
    theirs = {one.key.round: figure(one) for one in results.of(metric, other, sessions)}
    pairs = [(figure(one), theirs.get(one.key.round)) for one in results.of(metric, contender, sessions)]
    return _median([mine / other for mine, other in pairs if mine is not None and other])


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


def busy(results: Results) -> float | None:
    """The largest share of a core that the load generator used, its own ceiling apart."""
    talks = [one.talk for one in results.all() if one.talk and one.key.contender != "ceiling"]
    return max((talk.load_cpu / talk.seconds for talk in talks), default=None)


def load_per_chunk(results: Results, contender: str) -> float | None:
    """Seconds of CPU that the load generator takes for a chunk of a contender at full speed."""
    return results.median(
        "unpaced",
        contender,
        lambda one: one.talk.load_cpu / one.talk.chunks if one.talk and one.talk.chunks else None,
        BUSY,
    )
