"""What goes wrong, and what time does."""

from __future__ import annotations

from contextlib import suppress

from tests.model.router import drive
from tests.model.workers import Attempt, find_work
from tests.model.world import World
from unbroken.errors import Unavailable
from unbroken.keys import GROUP


def look_for_work(world: World) -> None:
    """A worker waits for work, if it has a free slot."""
    if len(world.attempts) < 2 * world.shape.consumers:
        find_work(world, f"w{world.chance.randrange(world.shape.consumers)}")


def work(world: World) -> None:
    """An attempt does its next step."""
    running = [attempt for attempt in world.attempts if not attempt.stopped]
    if running:
        step(world, world.chance.choice(running))


def step(world: World, attempt: Attempt) -> None:
    """Lets one attempt do its next step."""
    world.note("   step of", attempt.claim.session, attempt.claim.epoch)
    if not attempt.step():
        world.attempts.remove(attempt)


def kill(world: World) -> None:
    """SIGKILL between two steps."""
    if world.attempts:
        world.attempts.remove(world.chance.choice(world.attempts))


def stop(world: World) -> None:
    """SIGSTOP: others may think it dead."""
    if world.attempts:
        world.chance.choice(world.attempts).stopped = True


def wake(world: World) -> None:
    """SIGCONT: a zombie goes on as if nothing had happened."""
    stopped = [attempt for attempt in world.attempts if attempt.stopped]
    if stopped:
        attempt = world.chance.choice(stopped)
        attempt.stopped = False
        step(world, attempt)


def late_call(world: World) -> None:
    """A call arrives that its caller has given up or repeated long ago."""
    delayed = world.router.delayed
    if delayed:
        call = delayed.pop(world.chance.randrange(len(delayed)))
        with suppress(Unavailable):
            world.execute(call)


def late_chunk(world: World) -> None:
    """A batch of chunks arrives over a connection that its worker has given up."""
    if world.late:
        world.append(*world.late.pop(world.chance.randrange(len(world.late))))


def touch(world: World) -> None:
    """Somebody reads the session, which keeps it alive."""
    session = world.chance.choice(world.sessions)
    with suppress(Unavailable):
        drive(world.scripts.touch(world.keys(session), session))


def forget_scripts(world: World) -> None:
    """SCRIPT FLUSH."""
    world.connection.run("SCRIPT", "FLUSH")


def forget_group(world: World) -> None:
    """The consumer group is gone."""
    if world.full:  # nobody could make it again
        return
    world.connection.run("XGROUP", "DESTROY", world.keys(world.sessions[0]).ready, GROUP)


def forget_workers(world: World) -> None:
    """Workers that hold nothing are taken for dead."""
    drive(world.queue.forget(world.keys(world.sessions[0]).tag, -0.001))


def fill_memory(world: World) -> None:
    """The server has no memory left, until somebody does something about it."""
    world.fill(True)


def free_memory(world: World) -> None:
    """There is memory again."""
    if world.full:
        world.fill(False)


def fail_over(world: World) -> None:
    """A replica falls behind; later it is promoted, and what the old server wrote meanwhile is lost."""
    if world.copy is None:
        world.replicate()
    elif world.chance.random() < 0.7:
        world.fail_over()


def delete(world: World) -> None:
    """A session is deleted, by its people or as by expiry."""
    session = world.chance.choice(world.sessions)
    if world.chance.random() < 0.5:
        with suppress(Unavailable):
            drive(world.scripts.delete(world.keys(session), session))
    elif not world.journals[session].gone:
        world.delete(session)


def let_time_pass(world: World) -> None:
    """Nobody does anything for a while; sessions that nobody keeps alive expire."""
    world.sleep(world.chance.choice((600, 1800, 3000, 3600)))
