"""What the measurements should come to: ratios, since absolute figures are those of a machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from benchmarks import figures
from benchmarks.figures import ratio, sessions_ratio
from benchmarks.results import Results


@dataclass(frozen=True)
class Target:
    """One ratio.

    Attributes:
        what: in words.
        reached: reads it off the results; None if it was not measured.
        must: what it has to come to.
        goal: what it should come to.
        more: whether more is better.
    """

    what: str
    reached: Callable[[Results], float | None]
    must: float
    goal: float
    more: bool = True

    def verdict(self, reached: float | None) -> Literal["goal", "must", "missed", "not measured"]:
        """How far it came."""
        if reached is None:
            return "not measured"
        sign = 1 if self.more else -1
        if sign * reached >= sign * self.goal:
            return "goal"
        return "must" if sign * reached >= sign * self.must else "missed"


def _against(
    metric: str, figure: figures.Figure, other: str, sessions: int | None = None
) -> Callable[[Results], float | None]:
    return lambda results: ratio(results, metric, figure, "unbroken", other, sessions)


_CHUNKS, _REPLIES, _FIRST = figures.chunks_per_second, figures.replies_per_second, figures.first_chunk

TARGETS = (
    Target("unpaced chunks/s ÷ direct, 1 process", _against("unpaced", _CHUNKS, "direct"), 3.5, 5),
    Target("unpaced chunks/s ÷ direct, 2 processes", _against("unpaced", _CHUNKS, "direct-2"), 2, 2.8),
    Target("unpaced chunks/s ÷ Chainlit", _against("unpaced", _CHUNKS, "chainlit"), 70, 100),
    Target("unpaced chunks/s ÷ taskiq relay", _against("unpaced", _CHUNKS, "taskiq"), 20, 30),
    Target(
        "CPU per chunk ÷ direct, paced, 500 sessions",
        _against("paced", figures.cpu_per_chunk, "direct", 500),
        1.0,
        0.8,
        more=False,
    ),
    Target(
        "sessions at p99 ≤ 100 ms ÷ direct", lambda results: sessions_ratio(results, "unbroken", "direct"), 1.8, 2.5
    ),
    Target(
        "sessions at p99 ≤ 100 ms ÷ Chainlit", lambda results: sessions_ratio(results, "unbroken", "chainlit"), 16, 22
    ),
    Target("first-token p50 ÷ direct", _against("first", _FIRST, "direct"), 3, 2, more=False),
    Target("first-token p50 ÷ taskiq", _against("first", _FIRST, "taskiq"), 0.25, 0.15, more=False),
    Target("1-chunk messages/s ÷ direct", _against("messages", _REPLIES, "direct"), 0.6, 0.8),
    Target("1-chunk messages/s ÷ tutorial", _against("messages", _REPLIES, "tutorial"), 12, 20),
    Target("unpaced chunks/s, AOF everysec ÷ no AOF", _against("unpaced", _CHUNKS, "unbroken-no-aof"), 0.9, 1.0),
    Target(
        "model reader, CPU per token ÷ openai SDK",
        lambda results: ratio(results, "reader", lambda one: one.seconds, "unbroken", "openai SDK"),
        0.1,
        0.05,
        more=False,
    ),
    Target(
        "KiB per idle session, web server, 10,000 sessions",
        lambda results: _kib(results.median("idle", "unbroken", figures.per_idle_session(10_000))),
        40,
        25,
        more=False,
    ),
)


def _kib(size: float | None) -> float | None:
    return None if size is None else size / 1024
