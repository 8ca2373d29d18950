"""What people do: send messages, the same ones again, ones that cannot be stored, and cancel."""

from __future__ import annotations

from contextlib import suppress

from tests.model.replies import UNSTORABLE
from tests.model.router import drive
from tests.model.shape import INBOX
from tests.model.workers import SPICE
from tests.model.world import World
from unbroken.errors import Refused, Unavailable
from unbroken.protocol import MessageSend
from unbroken.scripts import Code, load, words
from unbroken.types import Policy

ENDINGS = ("", "", "'", '"', "é", "\\", ".reply.")
"""What message ids end in."""
POLICIES: tuple[Policy | None, ...] = (None, "queue", "interrupt", "merge", "reject")
WEIGHTS = (60, 12, 8, 15, 5)


def send(world: World) -> None:
    """Somebody types a new message."""
    client = world.chance.choice(world.clients)
    outbox = client.conversation.outbox
    if world.chance.random() < 0.03:
        _send_unstorable(world, client.session)
    elif len(outbox) < INBOX + 2:
        message = world.fresh("m") + world.chance.choice(ENDINGS)
        replaces = _known(world, client.session) if world.chance.random() < 0.1 else None
        answers = _asked(world, client.session) if world.chance.random() < 0.15 else None
        policy = world.chance.choices(POLICIES, WEIGHTS)[0]
        text = f"text of {message}{world.chance.choice(SPICE)}"
        client.conversation.send(MessageSend(message, text, replaces, answers, policy))
    client.transmit()


def transmit(world: World) -> None:
    """A client sends what it owes."""
    world.chance.choice(world.clients).transmit()


def _send_unstorable(world: World, session: str) -> None:
    """Goes around the checks of `Queue.accept`, as a server with a bug would."""
    keys = world.keys(session)
    text = b"half a character: " + UNSTORABLE[0]
    head = (session, world.shape.ttl * 1000, keys.events)
    args = (*head, world.fresh("bad"), text, INBOX, world.shape.turns, "", "", "queue", "")
    with suppress(Unavailable):
        reply = drive(world.router.run(keys.tag, load("accept"), keys.script, args))
        assert words(reply)[0].decode() != Code.OK


def cancel(world: World) -> None:
    """Cancels one of the newest messages, or one that nobody sent."""
    client = world.chance.choice(world.clients)
    message = _known(world, client.session)
    if client.conversation.transcript.outcome(message) is None:
        client.conversation.outbox.cancel(message)
    client.transmit()


def change(world: World) -> None:
    """Edits, withdraws or moves one of the newest messages, judges its reply, or renames the session."""
    session = world.chance.choice(world.sessions)
    journal = world.journals[session]
    message = _known(world, session)
    if journal.waiting and world.chance.random() < 0.6:
        message = journal.question(world.chance.choice(journal.waiting).id.first).id
    with suppress(Refused, Unavailable):
        match world.chance.choice(
            ("edit", "edit", "edit bytes", "withdraw", "send now", "send now", "judge", "rename")
        ):
            case "edit":
                drive(world.queue.edit(session, message, world.fresh("edit ") + world.chance.choice(SPICE)))
            case "edit bytes":
                _edit_unstorable(world, session, message)
            case "withdraw":
                drive(world.queue.withdraw(session, message))
            case "send now":
                drive(world.queue.send_now(session, message))
            case "judge":
                value = world.chance.choice(("up", "down", ""))
                drive(world.scripts.feedback(world.keys(session), session, message, value))
            case "rename":
                drive(world.scripts.rename(world.keys(session), session, world.fresh('"Ada" ')))


def _known(world: World, session: str) -> str:
    """One of the newest messages, or one that nobody sent."""
    return world.chance.choice([*list(world.journals[session].ids)[-INBOX - 1 :], "unknown"])


def _asked(world: World, session: str) -> str:
    """A reply that asks, or asked, or does not exist."""
    journal = world.journals[session]
    return world.chance.choice([*journal.asked, *[reply.id for reply in journal.outcomes[-3:]], "unknown.reply"])


def _edit_unstorable(world: World, session: str, message: str) -> None:
    keys = world.keys(session)
    args = (session, world.shape.ttl * 1000, keys.events, world.fresh("call "), message, UNSTORABLE[0])
    drive(world.router.run(keys.tag, load("edit"), keys.script, args))
