"""Replies of Redis that are lost: it was done, and who asked does not know. The call is sent again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from tests.faults.kinds.scene import Fault, Scene, spare, spring
from tests.faults.redis_proxy import Moment
from tests.faults.slot import Kind
from tests.faults.talk import MOST_WAITING, Talk
from unbroken.client import Client
from unbroken.errors import UnbrokenError

ROW = "reply of a call lost, call sent again"

Provoke = Callable[[Scene], Awaitable[None]]


def _lost(kind: Kind, name: str, provoke: Provoke | None = None) -> Fault:
    async def inject(scene: Scene) -> int:
        bring = partial(provoke, scene) if provoke else None
        return int(await spring(scene, kind, name, Moment.DONE, lambda slot: None, provoke=bring) is not None)

    return Fault(ROW, name, inject)


def _act(act: Callable[[Talk], Awaitable[None]]) -> Provoke:
    """Somebody changes something; whether it is too late does not matter."""

    async def provoke(scene: Scene) -> None:
        talk = scene.talk
        try:
            if len(talk.chat.unanswered) < MOST_WAITING:
                await talk.say(f"say one more from {talk.number};pace 0.02;count 5")
            await act(talk)
        except UnbrokenError:
            pass

    return provoke


async def visit(scene: Scene) -> None:
    """A session that lives for a moment."""
    async with Client(*scene.site.urls, timeout=20) as client:
        try:
            chat = await client.create("visitor")
            await chat.delete()
        except UnbrokenError:
            pass


async def _hop(scene: Scene) -> None:
    for observer in scene.talk.watching:
        observer.hop()


async def _stop_worker(scene: Scene) -> None:
    await spare(scene, Kind.WORKER)
    scene.rng.choice([slot for slot in scene.site.workers if slot.ready]).terminate()


CALLS = [
    _lost(Kind.SERVER, "create", visit),
    _lost(Kind.SERVER, "accept"),
    _lost(Kind.SERVER, "resume", _hop),
    _lost(Kind.SERVER, "touch", visit),
    _lost(Kind.SERVER, "cancel", _act(Talk.cancel)),
    _lost(Kind.SERVER, "edit", _act(Talk.edit)),
    _lost(Kind.SERVER, "withdraw", _act(Talk.withdraw)),
    _lost(Kind.SERVER, "send_now", _act(Talk.send_now)),
    _lost(Kind.SERVER, "feedback", _act(Talk.judge)),
    _lost(Kind.SERVER, "rename", _act(Talk.rename)),
    _lost(Kind.SERVER, "delete", visit),
    _lost(Kind.WORKER, "take"),
    _lost(Kind.WORKER, "checkpoint"),
    _lost(Kind.WORKER, "finish"),
    _lost(Kind.WORKER, "renew"),
    _lost(Kind.WORKER, "release", _stop_worker),
    _lost(Kind.WORKER, "XADD"),
    _lost(Kind.WORKER, "XREADGROUP"),
]
