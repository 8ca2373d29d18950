"""What a fault is, and what it needs to happen at the right moment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from tests.faults.redis_proxy import NOTHING, Call, Moment, Rule, Trap, Verdict
from tests.faults.site import Site
from tests.faults.slot import Kind, Slot
from tests.faults.talk import Talk
from tests.faults.violations import Verdict as Judge

PATIENCE = 20.0
"""Seconds that a fault waits for its moment; if it does not come, nothing was injected."""


class Scene(NamedTuple):
    """Where a fault happens: a deployment under load, and a source of all choices."""

    site: Site
    talks: list[Talk]
    rng: random.Random
    judge: Judge

    @property
    def talk(self) -> Talk:
        """Any session."""
        return self.rng.choice(self.talks)


class Fault(NamedTuple):
    """One way to break something.

    Attributes:
        row: what is broken, as the table says it.
        when: at which moment.
        inject: does it, returns when the next fault may come, and says how often it was done.
    """

    row: str
    when: str
    inject: Callable[[Scene], Awaitable[int]]


_REFUSALS = tuple(
    f"${len(word)}\r\n{word}\r\n".encode()
    for word in ("GONE", "EMPTY", "STALE", "LATE", "UNKNOWN", "LOST", "BEHIND", "FENCED", "DONE", "BUSY", "FULL", "BAD")
)


def good(call: Call) -> bool:
    """It is not known that nothing came of it."""
    reply = call.reply
    if reply in NOTHING or reply.startswith(b"-"):
        return False
    first = reply.partition(b"\r\n")[2] if reply.startswith(b"*") else reply
    return not first.startswith(_REFUSALS)


async def spring(
    scene: Scene,
    kind: Kind,
    name: str,
    moment: Moment,
    action: Callable[[Slot], None],
    *,
    verdict: Verdict = Verdict.CUT,
    count: int = 1,
    provoke: Callable[[], Awaitable[None]] | None = None,
) -> tuple[Slot, Call] | None:
    """Acts where the next such call passes, at any slot of this kind; `provoke` is repeated until one comes."""
    found: list[Slot] = []

    def trap(slot: Slot) -> Trap:
        def act() -> None:
            found.append(slot)
            action(slot)

        return Trap(name, moment, act, verdict=verdict, count=count, only=lambda call: not found and good(call))

    slots = [slot for slot in scene.site.slots if slot.kind is kind]
    traps = [slot.proxy.arm(trap(slot)) for slot in slots]
    provoked = asyncio.create_task(_insist(provoke)) if provoke else None
    waits = [asyncio.create_task(trap.sprung(PATIENCE)) for trap in traps]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for slot, armed in zip(slots, traps, strict=True):
            slot.proxy.disarm(armed)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        if provoked is not None:
            provoked.cancel()
            await asyncio.gather(provoked, return_exceptions=True)
    for slot, armed in zip(slots, traps, strict=True):
        if found and slot is found[0] and armed.call is not None:
            return slot, armed.call
    return None


async def _insist(provoke: Callable[[], Awaitable[None]]) -> None:
    while True:
        await provoke()
        await asyncio.sleep(0.1)


async def spare(scene: Scene, kind: Kind) -> None:
    """Waits until one may die and another is left."""
    slots = [slot for slot in scene.site.slots if slot.kind is kind]
    while sum(slot.ready for slot in slots) < 2:
        await asyncio.sleep(0.02)


class While(Rule):
    """A rule that is in force inside a `with`, at several slots, and counts what it did."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._slots = slots
        self.done = 0

    def __enter__(self) -> None:
        for slot in self._slots:
            slot.proxy.rules.append(self)

    def __exit__(self, *_: object) -> None:
        for slot in self._slots:
            slot.proxy.disarm(self)
