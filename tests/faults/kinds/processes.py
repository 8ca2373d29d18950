"""Servers and workers that die, or stop and come back, at an exact point of a message's way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from tests.faults.bots import question
from tests.faults.kinds.scene import PATIENCE, Fault, Scene, While, good, spare, spring
from tests.faults.redis_proxy import Moment, Verdict
from tests.faults.slot import Kind
from tests.faults.talk import MOST_WAITING

LATE = 4.0
"""Leases that a paused worker is given to lose its replies."""


def _killed(kind: Kind, name: str, moment: Moment, most: int = 1) -> Callable[[Scene], Awaitable[int]]:
    """kill -9 at one of the next `most` calls of a name."""

    async def inject(scene: Scene) -> int:
        await spare(scene, kind)
        count = scene.rng.randint(1, most)
        bring = partial(_keep, scene) if name == "checkpoint" else None
        return int(await spring(scene, kind, name, moment, scene.site.kill, count=count, provoke=bring) is not None)

    return inject


async def _keep(scene: Scene) -> None:
    """A message whose bot keeps something, where a session has room for it."""
    talk = scene.talk
    if len(talk.chat.unanswered) < MOST_WAITING:
        await talk.say(question(f"s{talk.number}k{len(talk.sent)}", 9, 0.02))


class _Delivery(While):
    """Kills the server that is about to get the n-th chunk."""

    def __init__(self, scene: Scene, count: int) -> None:
        super().__init__(scene.site.servers)
        self._scene = scene
        self._left = count
        self.sprung = asyncio.Event()

    def message(self, channel: bytes, payload: bytes) -> Verdict:
        if payload.startswith(b"d ") and not self.done:
            self._left -= 1
            session = channel.decode().partition(":s:")[2].removesuffix(":events")
            watched = {o.url for talk in self._scene.talks if talk.session == session for o in talk.watching}
            slot = next((slot for slot in self._slots if slot.url in watched and slot.ready), None)
            if self._left <= 0 and slot is not None:
                self.done = 1
                self._scene.site.kill(slot)
                self.sprung.set()
        return Verdict.PASS


async def _server_mid_reply(scene: Scene) -> int:
    await spare(scene, Kind.SERVER)
    rule = _Delivery(scene, scene.rng.randint(1, 20))
    with rule:
        try:
            async with asyncio.timeout(PATIENCE):
                await rule.sprung.wait()
        except TimeoutError:
            return 0
    return 1


async def _soon(condition: Callable[[], bool], patience: float) -> bool:
    try:
        async with asyncio.timeout(patience):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        return False
    return True


def _paused(name: str, most: int = 1) -> Callable[[Scene], Awaitable[int]]:
    """SIGSTOP while a call is on its way; both go on when another worker has the reply."""

    async def inject(scene: Scene) -> int:
        site = scene.site
        await spare(scene, Kind.WORKER)
        found = await spring(
            scene,
            Kind.WORKER,
            name,
            Moment.ASKED,
            site.freeze,
            verdict=Verdict.PASS,  # it is held at the gate, and passes later
            count=scene.rng.randint(1, most),
            provoke=partial(_keep, scene) if name == "checkpoint" else None,
        )
        if found is None:
            return 0
        slot, call = found
        others = [worker for worker in site.workers if worker is not slot]
        try:
            # else they were too busy, or came and went between two looks; it is past its lease all the same
            taken = await _soon(
                lambda: any(site.runs(other, call.session, call.epoch) for other in others), site.shape.lease * LATE
            )
            late = taken and not call.reply  # another fault may have let it pass before
        finally:
            site.thaw(slot)
        if late and await _soon(lambda: bool(call.reply), site.shape.lease):
            scene.judge.require(not good(call), "F", call.session, "of an attempt that was replaced:", call.reply)
        return 1

    return inject


async def _drained(scene: Scene) -> int:
    await spare(scene, Kind.WORKER)
    scene.rng.choice([slot for slot in scene.site.workers if slot.ready]).terminate()
    return 1


KILLED_SERVER = "server killed"
KILLED_WORKER = "worker killed"
PAUSED_WORKER = "worker paused past its lease, then continued"

SERVERS = [
    Fault(KILLED_SERVER, "before accept", _killed(Kind.SERVER, "accept", Moment.ASKED)),
    Fault(KILLED_SERVER, "after accept, before the acknowledgement", _killed(Kind.SERVER, "accept", Moment.DONE)),
    Fault(KILLED_SERVER, "mid-reply, at a chunk", _server_mid_reply),
]
WORKERS = [
    Fault(KILLED_WORKER, "between read and take", _killed(Kind.WORKER, "XREADGROUP", Moment.DONE)),
    Fault(KILLED_WORKER, "at take, before it happened", _killed(Kind.WORKER, "take", Moment.ASKED)),
    Fault(KILLED_WORKER, "between take and first chunk", _killed(Kind.WORKER, "take", Moment.DONE)),
    Fault(KILLED_WORKER, "mid-reply, chunk not written", _killed(Kind.WORKER, "XADD", Moment.ASKED, 20)),
    Fault(KILLED_WORKER, "mid-reply, chunk written", _killed(Kind.WORKER, "XADD", Moment.DONE, 20)),
    Fault(KILLED_WORKER, "at a checkpoint, not kept", _killed(Kind.WORKER, "checkpoint", Moment.ASKED, 2)),
    Fault(KILLED_WORKER, "at a checkpoint, kept", _killed(Kind.WORKER, "checkpoint", Moment.DONE, 2)),
    Fault(KILLED_WORKER, "before finish", _killed(Kind.WORKER, "finish", Moment.ASKED)),
    Fault(KILLED_WORKER, "after finish", _killed(Kind.WORKER, "finish", Moment.DONE)),
    Fault("worker stopped in order (SIGTERM)", "mid-reply", _drained),
]
PAUSES = [
    Fault(PAUSED_WORKER, "mid-reply", _paused("XADD", 20)),
    Fault(PAUSED_WORKER, "before a checkpoint", _paused("checkpoint")),
    Fault(PAUSED_WORKER, "before finish", _paused("finish")),
    Fault(PAUSED_WORKER, "before renew", _paused("renew")),
]
