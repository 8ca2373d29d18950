"""What the load generator is told, and what it answers: the only two things that cross its process boundary."""

from __future__ import annotations

from typing import Literal

import msgspec


class Spec(msgspec.Struct, frozen=True):
    """One run of the load generator.

    Attributes:
        dialect: a key of `dialects.OPENERS`.
        hosts: host:port of each server; sessions are dealt out to them in turn.
        processes: of every part of the contender, its process ids; they are what CPU and memory are taken from.
        sessions: how many.
        chunks: in each reply.
        interval: seconds between chunks, 0 for as fast as it goes.
        seconds: how long it counts.
        warmup: seconds before it begins to.
        think: seconds between a reply and the next question.
        steps: for `idle`, the numbers of sessions at which it looks at memory.
    """

    dialect: str
    hosts: list[str]
    processes: dict[str, list[int]]
    kind: Literal["talk", "idle", "resume"] = "talk"
    sessions: int = 1
    chunks: int = 64
    interval: float = 0.0
    seconds: float = 2.0
    warmup: float = 0.5
    think: float = 0.0
    steps: list[int] = []


class Talk(msgspec.Struct, frozen=True):
    """What one run counted, in the window alone.

    Attributes:
        seconds: length of the window as it was.
        delay_p50, delay_p99: of a chunk against the moment at which it was due, seconds.
        start_p50, start_p99: from a question to the first chunk, seconds.
        cpu: seconds of CPU that each part of the contender took.
        load_cpu: seconds of CPU that the load generator took.
    """

    sessions: int
    seconds: float
    chunks: int
    frames: int
    replies: int
    delay_p50: float | None
    delay_p99: float | None
    start_p50: float | None
    start_p99: float | None
    cpu: dict[str, float]
    load_cpu: float


class Idle(msgspec.Struct, frozen=True):
    """Memory of each part, in bytes: before, and at each number of sessions that was reached."""

    before: dict[str, int]
    at: dict[int, dict[str, int]]


class Resumed(msgspec.Struct, frozen=True):
    """Reconnects in the middle of a running reply, and how long each took until its missed text was there."""

    sessions: int
    seconds: float
    resumes: int
    p50: float | None
    p99: float | None
    cpu: dict[str, float]
    load_cpu: float
