"""Says every measurement in a line, as it comes."""

from __future__ import annotations

import time

from benchmarks.load.spec import Talk
from benchmarks.results import Measurement


class Narrator:
    """Prints.

    Args:
        begin: the moment, on the monotonic clock, from which time is told.
    """

    def __init__(self, begin: float) -> None:
        self._begin = begin

    def __call__(self, one: Measurement) -> None:
        """Prints a measurement."""
        key = one.key
        where = f"{key.metric} {key.contender}" + (f" × {key.sessions}" if key.sessions else "")
        at = time.monotonic() - self._begin
        print(f"{at:6.0f} s  round {key.round + 1}  {where:26} {_summary(one)}", flush=True)


def _summary(one: Measurement) -> str:
    if one.failure:
        return "FAILED: " + one.failure.splitlines()[0]
    if one.talk:
        return _talk(one.talk)
    if one.resumed:
        resumed = one.resumed
        return f"{resumed.resumes / resumed.seconds:.0f} resumes/s  p50 {_ms(resumed.p50)}  p99 {_ms(resumed.p99)}"
    if one.idle:
        sizes = [
            f"{sessions}: "
            + ", ".join(
                f"{part} {(size - one.idle.before[part]) / sessions / 1024:.1f}" for part, size in parts.items()
            )
            for sessions, parts in one.idle.at.items()
        ]
        return "KiB per session of " + "; of ".join(sizes)
    assert one.seconds is not None
    return f"{one.seconds:.2f} s" if one.key.metric == "startup" else f"{one.seconds * 1e6:.1f} µs/token"


def _talk(talk: Talk) -> str:
    parts = [
        f"{talk.chunks / talk.seconds:7.0f} chunks/s in {talk.frames / talk.seconds:6.0f} frames/s",
        f"{talk.replies / talk.seconds:6.0f} replies/s",
    ]
    if talk.chunks:
        each = {part: used / talk.chunks * 1e6 for part, used in talk.cpu.items()}
        shares = " + ".join(f"{part} {micro:.1f}" for part, micro in each.items())
        parts.append(f"{sum(each.values()):6.1f} µs/chunk ({shares})")
    if talk.delay_p99 is not None:
        parts.append(f"late {_ms(talk.delay_p50)} / {_ms(talk.delay_p99)}")
    parts.append(f"first {_ms(talk.start_p50)} / {_ms(talk.start_p99)}")
    parts.append(f"load {talk.load_cpu / talk.seconds:.0%}")
    return "  ".join(parts)


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1e3:.2f} ms"
