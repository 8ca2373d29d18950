"""Redis dies at the boundary of a script, or forgets what can be made again."""

from __future__ import annotations

from functools import partial

from tests.faults.kinds.calls import visit
from tests.faults.kinds.scene import Fault, Scene, spring
from tests.faults.redis_proxy import Moment, Verdict
from tests.faults.slot import Kind, Slot

ROW = "Redis killed, restarted from its append-only file"


def _killed(kind: Kind, name: str, moment: Moment, most: int = 1) -> Fault:
    async def inject(scene: Scene) -> int:
        away = scene.rng.uniform(0.0, 0.5)
        # the last reply that it ever gave arrives, or it does not
        verdict = scene.rng.choice((Verdict.PASS, Verdict.CUT))

        def kill(slot: Slot) -> None:
            scene.site.kill_redis(away)

        bring = partial(visit, scene) if name == "resume" else None
        count = scene.rng.randint(1, most)
        found = await spring(scene, kind, name, moment, kill, verdict=verdict, count=count, provoke=bring)
        await scene.site.redis_back()
        return int(found is not None)

    return Fault(ROW, f"{name}, {moment.value.split(',')[0]}", inject)


async def _flush(scene: Scene) -> int:
    await scene.site.command("SCRIPT", "FLUSH")
    return 1


async def _destroy(scene: Scene) -> int:
    done = 0
    for tag in scene.site.keys.tags:
        partition = scene.site.keys.partition(tag)
        if await scene.site.command("EXISTS", partition.ready):
            await scene.site.command("XGROUP", "DESTROY", partition.ready, "workers")
            done += 1
    return done


RESTARTS = [
    _killed(kind, name, moment, most)
    for kind, name, most in (
        (Kind.SERVER, "accept", 1),
        (Kind.SERVER, "resume", 1),
        (Kind.WORKER, "take", 1),
        (Kind.WORKER, "XADD", 20),
        (Kind.WORKER, "renew", 1),
        (Kind.WORKER, "finish", 1),
    )
    for moment in Moment
]
FORGETTING: list[Fault] = [
    Fault("SCRIPT FLUSH", "streaming", _flush),
    Fault("consumer group destroyed (NOGROUP)", "streaming", _destroy),
]
