"""A clock that is set back must not make two pasts that nobody can tell apart."""

from __future__ import annotations

from random import Random

from tests.model.connection import Connection
from tests.model.lua import assemble
from tests.model.replies import Call
from tests.model.shape import ATTEMPTS, CONTEXT, INBOX, Shape
from tests.model.world import World


def _call(world: World, script: str, *args: str | int) -> list[bytes]:
    keys = world.keys("s0")
    reply: list[bytes] = world.execute(Call(script, "s0", keys.script, ("s0", 0, keys.events), args))
    return reply


def _take(world: World, nonce: str) -> int:
    entry = world.connection.run("HGET", world.keys("s0").state, "rid").decode()
    return int(_call(world, "take", entry, nonce, 1000 * ATTEMPTS, "", CONTEXT)[2])


def test_pasts_that_failovers_lost_share_no_epoch(connection: Connection) -> None:
    """Each server takes over with a clock that is behind the last epoch, and loses what the one before it wrote."""
    world = World(connection, assemble(), Random(5), Shape(sessions=1, consumers=1, turns=500, ttl=0, page=500))
    world.journals["s0"].limit = 1000 * ATTEMPTS
    _call(world, "accept", "m1", "hello", INBOX, 500, "", "", "queue", "")
    known = _take(world, "n")
    lost = []
    for server in range(20):
        world.replicate()
        world.advance(-60_000)
        lost.append(_take(world, f"n{server}"))
        world.fail_over()
        world.copy = None
    assert min(lost) > known
    assert len(set(lost)) == len(lost)


def test_pasts_that_a_failover_lost_share_no_turn_and_no_change(connection: Connection) -> None:
    world = World(connection, assemble(), Random(5), Shape(sessions=1, consumers=1, turns=500, ttl=0, page=500))
    _call(world, "accept", "m1", "hello", INBOX, 500, "", "", "queue", "")
    world.replicate()
    _call(world, "accept", "m2", "hello again", INBOX, 500, "", "", "queue", "")
    _call(world, "edit", "call 1", "m1", "goodbye")
    lost = world.journals["s0"]
    world.fail_over()
    _call(world, "accept", "m3", "hello once more", INBOX, 500, "", "", "queue", "")
    _call(world, "edit", "call 2", "m1", "see you")
    new = world.journals["s0"]
    assert (new.tail.first, new.change.first) == (lost.tail.first, lost.change.first) == (2, 1)
    assert new.tail != lost.tail
    assert new.change != lost.change


def test_epochs_grow_within_one_past_whatever_the_clock_does(connection: Connection) -> None:
    world = World(connection, assemble(), Random(5), Shape(sessions=1, consumers=1, turns=500, ttl=0, page=500))
    world.journals["s0"].limit = 1000 * ATTEMPTS
    _call(world, "accept", "m1", "hello", INBOX, 500, "", "", "queue", "")
    epochs = []
    for number, jump in enumerate((0, 0, 3000, -3000, -1, 1, -60_000, 0, 120_000)):
        world.advance(jump)
        epochs.append(_take(world, f"n{number}"))
        assert epochs[-1] >= world.now
    assert epochs == sorted(set(epochs))
