"""What clients do, one at a time: hear, read, show, go to sleep and come back."""

from __future__ import annotations

from tests.model.clients import Client, Memory
from tests.model.picture import Picture
from tests.model.world import World
from unbroken.client.conversation import Conversation


def _client(world: World) -> Client:
    return world.chance.choice(world.clients)


def listen(world: World) -> None:
    """The server of a client hears some live messages."""
    if hearing := [client for client in world.clients if client.inbound]:
        client = world.chance.choice(hearing)
        client.listen(world.chance.choice((1, 2, 3, len(client.inbound))))


def read(world: World) -> None:
    """The server of a client that is behind asks for the log."""
    if behind := [client for client in world.clients if client.behind]:
        world.chance.choice(behind).read()


def arrive(world: World) -> None:
    """What a server asked for arrives."""
    if reading := [client for client in world.clients if client.reading]:
        world.chance.choice(reading).arrive()


def show(world: World) -> None:
    """A client takes what waits for it."""
    if waiting := [client for client in world.clients if client.viewer.waiting]:
        world.chance.choice(waiting).show()


def keep_up(world: World) -> None:
    """Everything works: what happened is on every screen at once, but for what gets lost."""
    for client in world.clients:
        client.listen(len(client.inbound))
        client.read()
        client.arrive()
        client.show()


def check_position(world: World) -> None:
    """The server of a quiet client compares its position."""
    _client(world).check_position()


def resubscribe(world: World) -> None:
    """A subscription breaks, and what it did not deliver is lost."""
    _client(world).lose_live()


def sleep_or_return(world: World) -> None:
    """A client remembers where it is, or comes back to where one was before; sometimes to nothing at all."""
    client = _client(world)
    memories = world.memories[client.session]
    fate = world.chance.random()
    if fate < 0.5 or not memories:
        memories.append(client.memory.copy())
    elif fate < 0.6:
        client.connect(Memory(None, Picture(), Conversation()))
    else:
        client.connect(world.chance.choice(memories).copy())
