"""One random schedule: a seed and a mode decide everything that happens, in which order, and what goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from random import Random

from tests.model import faults, senders, watching
from tests.model.connection import Connection
from tests.model.invariants import check, check_drained, owes
from tests.model.shape import SESSIONS, TTL, Shape
from tests.model.violation import Violation, require
from tests.model.world import World
from unbroken.redis.router import Script


class Mode(StrEnum):
    """What may go wrong besides everything that may always go wrong."""

    PLAIN = "plain"
    FAILOVER = "failover"
    EXPIRE = "expire"
    TTL = "ttl"


STEPS = (0, 0, 0, 1, 1, 7, 7, 3000, -4, -4, -3000, -7_200_000)
"""Milliseconds that the clock moves between two actions: somebody sets it, too."""

_ACTIONS: dict[Callable[[World], None], float] = {
    senders.send: 17,
    senders.transmit: 5,
    senders.cancel: 3,
    senders.change: 8,
    faults.look_for_work: 19,
    faults.work: 30,
    faults.kill: 2,
    faults.stop: 2,
    faults.wake: 3,
    faults.late_call: 2,
    faults.late_chunk: 1.5,
    faults.touch: 1,
    faults.forget_scripts: 0.5,
    faults.forget_group: 0.5,
    faults.forget_workers: 1.5,
    faults.fill_memory: 0.7,
    faults.free_memory: 3,
    watching.listen: 12,
    watching.read: 8,
    watching.arrive: 8,
    watching.show: 5,
    watching.check_position: 2,
    watching.resubscribe: 1,
    watching.sleep_or_return: 4,
}
_MORE: dict[Mode, dict[Callable[[World], None], float]] = {
    Mode.PLAIN: {},
    Mode.FAILOVER: {faults.fail_over: 6},
    Mode.EXPIRE: {faults.delete: 1.2},
    Mode.TTL: {faults.let_time_pass: 2},
}
"""Each action with its weight."""


def run(connection: Connection, scripts: dict[str, Script], seed: int, mode: Mode) -> World:
    """Runs one schedule to its end, and returns what became of its world.

    Raises:
        Violation: a law does not hold; the message says how to see it again.
    """
    chance = Random(f"{mode}-{seed}")
    shape = Shape(
        sessions=chance.randint(1, len(SESSIONS)),
        consumers=chance.randint(1, 4),
        turns=chance.choice((5, 500, 500, 500)),
        ttl=TTL if mode is Mode.TTL else chance.choice((TTL, TTL, 0)),
        page=chance.choice((2, 3, 7, 500)),
        haste=chance.choice((0.0, 0.3, 0.9)),
    )
    world = World(connection, scripts, chance, shape)
    world.note(shape)
    try:
        _wander(world, mode)
        if mode is Mode.TTL:
            _outlive(world)
        else:
            _settle(world)
    except Violation as violation:
        trace = "\n".join(world.trace[-150:])
        replay = f"MODEL_MODE={mode} MODEL_SEED={seed} .venv/bin/python -m pytest tests/model/test_model.py"
        raise Violation(f"{violation}\n\nthe last steps:\n{trace}\n\n{violation}\nreplay with: {replay}") from None
    return world


def _wander(world: World, mode: Mode) -> None:
    actions = _ACTIONS | _MORE[mode]
    count = world.chance.randint(30, 200)
    for number, action in enumerate(world.chance.choices(list(actions), list(actions.values()), k=count)):
        world.note(f"{number:4} {action.__name__.replace('_', ' ')}")
        world.moment += 1
        rounds = world.connection.rounds
        action(world)
        if world.chance.random() < world.shape.haste:
            watching.keep_up(world)
        if world.connection.rounds > rounds:
            check(world)
        if world.chance.random() < 0.5:
            world.advance(world.chance.choice(STEPS))


def _settle(world: World) -> None:
    """Nobody dies any more, though calls and live messages still get lost: everything must come to its end."""
    if world.copy and world.chance.random() < 0.5:
        world.fail_over()
    world.note("settle")
    faults.free_memory(world)
    for number in range(900):
        world.moment += 1
        for attempt in list(world.attempts):
            if not attempt.stopped or world.chance.random() < 0.2:
                attempt.stopped = False
                faults.step(world, attempt)
        for _ in range(2):
            faults.look_for_work(world)
        for client in world.clients:
            client.listen(world.chance.randint(0, 3))
            client.read()
            client.arrive()
            client.show()
            client.transmit(loss=0)
            if number % 10 == 9:
                client.check_position()
        check(world)
        if not world.attempts and not any(map(owes, world.clients)) and not _ready(world):
            for client in world.clients:
                client.settle()
                client.check_position()
                client.settle()
            if not any(map(owes, world.clients)):  # or else they have learnt what a failover lost
                break
    check(world)
    check_drained(world)


def _ready(world: World) -> int:
    return int(world.connection.run("XLEN", world.keys(world.sessions[0]).ready))


def _outlive(world: World) -> None:
    """Everybody leaves: nothing of a session may stay behind, and workers must clean up its ready entry."""
    faults.free_memory(world)
    world.sleep(TTL + 1)
    check(world)
    require(not world.alive(), "G: a session outlives its time to live", world.alive())
    world.attempts.clear()
    for _ in range(400):
        if not _ready(world):
            break
        faults.look_for_work(world)
        world.attempts.clear()
    left = world.connection.run("KEYS", f"{world.keys(world.sessions[0]).doc[:-2]}*")
    require(not left and not _ready(world), "G: something is left of sessions that expired", left)
