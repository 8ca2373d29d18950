"""What is measured, of whom, how long and how often."""

from __future__ import annotations

from dataclasses import dataclass

INTERVAL = 0.02
"""Seconds between the chunks of a paced reply: 50 tokens a second."""
CHUNKS = 64
"""Chunks in a reply."""
BUSY = 100
"""Sessions that talk without pause."""
LATE = 0.1
"""Seconds of added delay that a hundredth of all chunks may exceed, on a rung that holds."""
LATE_START = 1.0
"""The same for the first chunk of a reply after its question: whoever only queues the replies has not borne them."""

STREAMING = ("direct", "direct-2", "unbroken", "unbroken-2", "chainlit", "taskiq", "arq")
"""Contenders that deliver chunk by chunk; the tutorial's design delivers whole replies, one at a time."""
SINGLE = ("direct", "unbroken", "chainlit", "taskiq", "arq", "tutorial")
"""Contenders as they are usually run, one process of each kind."""

COMPARED = (*STREAMING, "unbroken-no-aof", "tutorial")
"""All but the load generator's own ceiling."""

CONTENDERS: dict[str, tuple[str, ...]] = {
    "startup": COMPARED,
    "idle": ("direct", "unbroken", "chainlit"),
    "unpaced": (*COMPARED, "ceiling"),
    "messages": COMPARED,
    "first": (*SINGLE, "ceiling"),
    "ladder": STREAMING,
    "paced": STREAMING,
    "resume": ("unbroken",),
    "reader": ("unbroken", "openai SDK"),
}
"""For every metric, in their order, who takes part."""

EVERYONE = tuple(dict.fromkeys(name for names in CONTENDERS.values() for name in names))


@dataclass(frozen=True)
class Profile:
    """How much is measured.

    Attributes:
        rounds: of which the median counts.
        seconds: how long each run counts.
        warmup: seconds before that.
        paced: numbers of sessions at which the CPU of paced replies is taken from all who bear them.
        idle: numbers of idle sessions at which memory is taken.
        metrics: what is measured.
        contenders: who takes part.
    """

    rounds: int
    seconds: float
    warmup: float
    paced: tuple[int, ...]
    idle: tuple[int, ...]
    metrics: tuple[str, ...]
    contenders: tuple[str, ...]


PROFILES = {
    "quick": Profile(
        rounds=3,
        seconds=1.5,
        warmup=0.3,
        paced=(100,),
        idle=(),
        metrics=("unpaced", "messages", "first", "paced"),
        contenders=("direct", "unbroken", "chainlit", "taskiq", "tutorial", "ceiling"),
    ),
    "full": Profile(
        rounds=3,
        seconds=2.5,
        warmup=0.5,
        paced=(100, 500),
        idle=(5000, 10_000),
        metrics=tuple(CONTENDERS),
        contenders=EVERYONE,
    ),
}
"""By name."""
