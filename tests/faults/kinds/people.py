"""What users bring about: messages that no bot survives, cancellations in the last moment, tabs that slept too long."""

from __future__ import annotations

import asyncio

from tests.faults.bots import deadly, raising
from tests.faults.kinds.scene import PATIENCE, Fault, Scene, spring
from tests.faults.observer import Observer
from tests.faults.redis_proxy import Moment, Verdict
from tests.faults.slot import Kind, Slot
from tests.faults.talk import Talk
from unbroken.client.sent import Sent
from unbroken.protocol import Event, Snapshot
from unbroken.types import Message, Role, Status


async def _raising(scene: Scene) -> int:
    talk = scene.talk
    sent = await talk.say(raising(f"raising{len(talk.sent)}", scene.rng.randint(0, 5)))
    reply = await sent.reply()
    _judged(scene, talk, sent, reply)
    return 1


async def _deadly(scene: Scene) -> int:
    talk = scene.talk
    sent = await talk.say(deadly(f"deadly{len(talk.sent)}", scene.rng.randint(0, 5)))
    reply = await sent.reply()
    _judged(scene, talk, sent, reply)
    return 1


def _judged(scene: Scene, talk: Talk, sent: Sent, reply: Message) -> None:
    """It failed, unless it got another text meanwhile, was stopped, or was taken for the answer to a question."""
    question = talk.chat.transcript.question(sent.id)
    unchanged = question is not None and question.msg == sent.text and question.answers is None
    good = reply.status is not Status.COMPLETED if unchanged else True
    scene.judge.require(good, "A", talk.session, "no bot survives", sent.text, "but the outcome is", reply)


async def _cancelled(scene: Scene) -> int:
    """The cancellation arrives while finish is on its way: sometimes before it, sometimes after."""
    first = scene.rng.random() < 0.5

    def hold(slot: Slot) -> None:
        if first:
            slot.proxy.hold()

    found = await spring(scene, Kind.WORKER, "finish", Moment.ASKED, hold, verdict=Verdict.PASS)
    if found is None:
        return 0
    slot, call = found
    talk = next((talk for talk in scene.talks if talk.session == call.session), None)
    running = talk.chat.transcript.running if talk else None
    if talk is not None and running is not None:
        await talk.chat.cancel(running.message_id)
    if first:
        await asyncio.sleep(scene.rng.uniform(0.02, 0.2))
        slot.proxy.release()
    return int(running is not None)


async def _slept(scene: Scene) -> int:
    """A tab comes back with a cursor from before the last outcome: it gets a snapshot, and says so."""
    observer = scene.rng.choice(scene.talk.watching)
    observer.remember()
    known = _outcomes(observer)
    try:
        async with asyncio.timeout(PATIENCE):
            await observer.until(lambda o: _outcomes(o) > known)
            observer.forget()
            before = len(observer.visits)
            await observer.until(lambda o: bool(_logged(o, before)))
    except TimeoutError:
        return 0
    first = _logged(observer, before)[0]
    scene.judge.require(isinstance(first, Snapshot), "D", observer.session, "a trimmed cursor was answered by", first)
    return 1


def _logged(observer: Observer, visit: int) -> list[Event]:
    """The events with a cursor that came in a visit and after it."""
    frames = (frame for visit in observer.visits[visit:] for frame in visit.frames)
    return [frame.event for frame in frames if getattr(frame.event, "cursor", "")]


def _outcomes(observer: Observer) -> int:
    return sum(m.role is Role.ASSISTANT for m in observer.sight.messages)


POISON = [
    Fault("poison message", "the bot always raises", _raising),
    Fault("poison message", "the bot kills its process, every time", _deadly),
]
PEOPLE = [
    Fault("cancel races finish", "finish on its way", _cancelled),
    Fault("cursor already trimmed", "streaming", _slept),
]
