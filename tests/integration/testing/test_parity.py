"""`unbroken.testing` promises what a worker would do: both do the same, with the same bots and the same accidents."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.testing.sides import Played, Real, Step, conversation, follow
from unbroken.backend import Backend
from unbroken.config import Settings
from unbroken.models.scripted import Scripted

pytestmark = pytest.mark.settings(partitions=1, lease=1, attempts=3)


async def both(
    settings: Settings, name: str, steps: list[Step], *, continues: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What came of a conversation in memory, and with a worker."""
    played = Played(Scripted(continues=continues))
    refused = await follow(played, steps)
    backend = await Backend.open(settings.model_copy(update={"prefix": f"{settings.prefix}-{name}"}))
    real = Real(Scripted(continues=continues), backend, played.shown)
    try:
        await real.start()
        refused_there = await follow(real, steps)
        await real.end()
        return played.outcome() | {"refused": refused}, await real.outcome() | {"refused": refused_there}
    finally:
        await backend.close()


async def test_random_conversations_with_crashes(settings: Settings) -> None:
    talks = {seed: conversation(seed, continues=seed % 2 == 1) for seed in range(10)}
    pairs = await asyncio.gather(
        *(both(settings, str(seed), steps, continues=seed % 2 == 1) for seed, steps in talks.items())
    )
    for seed, (played, real) in zip(talks, pairs, strict=True):
        assert played == real, f"seed {seed}: {talks[seed]}"
    attempts = [attempt for played, _ in pairs for _, _, _, attempt, *_ in played["turns"]]
    assert attempts.count(2) > 5
    assert any(answers for played, _ in pairs for *_, answers, _, _ in played["history"])


AT = Step("at", "door")
HALF = [Step("send", "say half; wait door; say whole"), AT]


@pytest.mark.parametrize(
    "steps",
    [
        [*HALF, Step("send", "say waits"), Step("send", "say now", "interrupt")],
        [*HALF, Step("send", "hang", "merge"), AT, Step("send", "and this?", "merge"), AT, Step("open", "door")],
        [
            *HALF,
            Step("send", "say no", "reject"),
            Step("open", "door"),
            Step("settle"),
            Step("send", "say yes", "reject"),
        ],
        [
            Step("send", "say one"),
            Step("settle"),
            Step("send", "say uno", replaces="m1"),
            Step("settle"),
            Step("send", "say eins", replaces="m2"),
            Step("settle"),
            Step("send", "?"),
        ],
        [
            Step("send", "ask Which?; say done"),
            Step("settle"),
            Step("send", "say one", replaces="m1"),
            Step("settle"),
            Step("send", "that"),
        ],
        [
            Step("send", "say let me see; ask Which?; wait door; say done"),
            Step("settle"),
            Step("send", "this"),
            AT,
            Step("send", "or that", "merge"),
            AT,
            Step("open", "door"),
        ],
        [
            Step("send", "ask Which?; wait door; say done"),
            Step("settle"),
            Step("send", "this"),
            AT,
            Step("send", "say never mind", "interrupt"),
            Step("settle"),
            Step("send", "say on", replaces="m1"),
        ],
        [
            Step("send", "ask Which?; say done"),
            Step("settle"),
            Step("send", "say half; wait door", answers="-"),
            AT,
            Step("send", "this"),
            Step("send", "say never mind", "interrupt", answers="-"),
            Step("settle"),
            Step("send", "that"),
        ],
        [
            Step("send", "think why; say 1; keep 1; say 2; wait a; say 3; wait b; say 4"),
            *(Step(what, door) for door in "ab" for what in ("at", "crash", "open")),
        ],
        [
            Step("send", "say 1; wait a; keep 1; say 2; wait b; say 3; wait c; say 4"),
            *(Step(what, door) for door in "abc" for what in ("at", "crash", "open")),
        ],
    ],
    ids=[
        "interrupt",
        "merge",
        "reject",
        "replace",
        "replace a question",
        "merge answers",
        "interrupt an answer",
        "answered by nobody",
        "twice",
        "exhausted",
    ],
)
async def test_accidents(settings: Settings, steps: list[Step]) -> None:
    played, real = await both(settings, "x", steps)
    assert played == real
