"""One round: sessions talk, faults come, all is healed, and then everything must be as if nothing had happened."""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tests.faults.checks import check, watch_queue
from tests.faults.kinds import GROUPS, STORM
from tests.faults.kinds.scene import Fault, Scene
from tests.faults.ledger import Ledger
from tests.faults.recovery import recoveries
from tests.faults.site import Site
from tests.faults.talk import Talk
from tests.faults.violations import Verdict, Violation

DRAIN = 150.0
"""Seconds in which everything must be answered once nothing breaks any more."""
LONGEST = 60.0
"""Seconds that one fault may take."""

ASKING = {"servers", "workers", "pauses", "restarts", STORM}
"""Groups in whose rounds the bot asks; in the others a message has to be what it says, and no answer."""

FaultKey = tuple[str, str]


class Plan(NamedTuple):
    """What happens in a round. With the seed, it decides every choice; the machine decides the timing.

    Attributes:
        seed: of every choice.
        group: which faults.
        faults: how many, in all.
        each: whether every fault of the group comes once before any comes again.
        at_once: how many may be under way together.
        pause: seconds between two.
        sessions, observers: how many talk, and how many raw readers each has.
    """

    seed: str
    group: str
    faults: int
    each: bool = False
    at_once: int = 1
    pause: float = 0.3
    sessions: int = 6
    observers: int = 2


class Outcome(NamedTuple):
    """What came of a round.

    Attributes:
        injected: (fault, moment) → how often.
        recovery: what was waited for → seconds.
        messages, chunks: how many were answered, and written.
        trouble: stack traces of what broke in the tests' own machinery; counts as a failure.
    """

    plan: Plan
    injected: Counter[FaultKey]
    violations: list[Violation]
    recovery: dict[str, list[float]]
    messages: int
    statuses: Counter[str]
    chunks: int
    seconds: float
    trouble: list[str]


def group(name: str) -> list[Fault]:
    """The faults of a group."""
    return [fault for faults in GROUPS.values() for fault in faults] if name == STORM else GROUPS[name]


async def play(site: Site, book: Ledger, plan: Plan) -> Outcome:
    """Plays a round on a deployment that is whole, and leaves it whole."""
    began, chunks = time.monotonic(), site.chunks
    verdict = Verdict()
    trouble: list[str] = []
    site.interruptions.clear()
    talks = [
        Talk(number, site.urls, random.Random(f"{plan.seed}/{number}"), verdict, asked=plan.group in ASKING)
        for number in range(plan.sessions)
    ]
    injected: Counter[FaultKey] = Counter()
    recovery: dict[str, list[float]] = {}
    statuses: Counter[str] = Counter()
    try:
        await asyncio.gather(*(talk.open(plan.observers) for talk in talks))
        scene = Scene(site, talks, random.Random(plan.seed), verdict)
        over = asyncio.Event()
        watching = asyncio.create_task(watch_queue(site, talks, verdict, over))
        try:
            await _inject(scene, plan, injected)
        finally:
            site.heal()
            await site.redis_back()
            await _drain(site, talks, verdict)
            over.set()
            await watching
        await check(site, talks, book, verdict)
        recovery = recoveries(site.interruptions, talks)
        statuses = Counter(str(m.status) for talk in talks for m in talk.chat.transcript.messages if m.status)
        for talk in talks:
            await talk.leave()
    except Exception:
        trouble.append(traceback.format_exc())
    finally:
        for talk in talks:
            await talk.close()
        book.turn_page()
    return Outcome(
        plan,
        injected,
        verdict.violations,
        recovery,
        sum(len(talk.sent) for talk in talks),
        statuses,
        site.chunks - chunks,
        time.monotonic() - began,
        trouble,
    )


async def _inject(scene: Scene, plan: Plan, injected: Counter[FaultKey]) -> None:
    queue = _schedule(plan)

    async def one_after_another(rng: random.Random) -> None:
        mine = scene._replace(rng=rng)
        while queue:
            fault = queue.pop(0)
            await asyncio.sleep(rng.uniform(0.5, 1.5) * plan.pause)
            try:
                async with asyncio.timeout(LONGEST):
                    count = await fault.inject(mine)
            except TimeoutError:
                continue  # it did not come about; whatever hangs because of it is found when the round ends
            injected[fault.row, fault.when] += count

    await asyncio.gather(*(one_after_another(random.Random(f"{plan.seed}/f{n}")) for n in range(plan.at_once)))


def _schedule(plan: Plan) -> list[Fault]:
    rng = random.Random(f"{plan.seed}/schedule")
    faults = group(plan.group)
    if not plan.each:
        return [rng.choice(faults) for _ in range(plan.faults)]
    rounds = [rng.sample(faults, len(faults)) for _ in range(-(-plan.faults // len(faults)))]
    return [fault for once in rounds for fault in once][: plan.faults]


async def _drain(site: Site, talks: Sequence[Talk], verdict: Verdict) -> None:
    """All is healed: whatever was accepted is answered, and everybody sees it."""
    await site.whole()
    try:
        async with asyncio.timeout(DRAIN):
            await asyncio.gather(*(talk.drained() for talk in talks))
    except TimeoutError:
        for talk in talks:
            left = [sent.id for sent in talk.chat.unanswered]
            verdict.require(not left, "E", talk.session, f"no outcome {DRAIN:g} s after all was healed:", left)
            for observer in talk.watching:
                same = observer.sight.messages == list(talk.chat.transcript.messages)
                verdict.require(same, "D", talk.session, "an observer stands still at", observer.cursor)
