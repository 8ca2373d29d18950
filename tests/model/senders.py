"""What people do: send messages, the same ones again, ones that cannot be stored, and cancel."""

from __future__ import annotations

from contextlib import suppress

from tests.model.replies import UNSTORABLE
from tests.model.router import drive
from tests.model.shape import INBOX
from tests.model.workers import SPICE
from tests.model.world import World
from unbroken.errors import InboxFull, Refused, SessionFull, Unavailable, UnknownMessage
from unbroken.scripts import Code, load

ENDINGS = ("", "", "'", '"', "é", "\\", ".reply")
"""What message ids end in."""


def send(world: World) -> None:
    """Sends a new message or one again, whether or not it was accepted before."""
    session = world.chance.choice(world.sessions)
    outbox = world.outboxes[session]
    if world.chance.random() < 0.03:
        _send_unstorable(world, session)
    elif outbox and world.chance.random() < 0.3:
        post(world, session, world.chance.choice(list(outbox)))
    elif len(outbox) < INBOX + 2:
        message = world.fresh("m") + world.chance.choice(ENDINGS)
        if world.chance.random() < 0.1:
            world.replaces[message] = _known(world, session)
        outbox[message] = f"text of {message}{world.chance.choice(SPICE)}"
        post(world, session, message)


def post(world: World, session: str, message: str) -> None:
    """Sends one message; it stays in the outbox until its outcome was seen."""
    outbox = world.outboxes[session]
    try:
        drive(world.queue.accept(session, message, outbox[message], world.replaces.get(message)))
    except (SessionFull, UnknownMessage):
        del outbox[message]
    except (InboxFull, Unavailable):
        pass  # later again
    except Refused:
        assert world.journals[session].gone


def _send_unstorable(world: World, session: str) -> None:
    """Goes around the checks of `Queue.accept`, as a server with a bug would."""
    keys = world.keys(session)
    text = b"half a character: " + UNSTORABLE[0]
    args = (session, world.shape.ttl * 1000, keys.events, world.fresh("bad"), text, INBOX, world.shape.turns, "")
    with suppress(Unavailable):
        reply = drive(world.router.run(keys.tag, load("accept"), keys.script, args))
        assert reply[0].decode() != Code.OK


def cancel(world: World) -> None:
    """Cancels one of the newest messages, or one that nobody sent."""
    session = world.chance.choice(world.sessions)
    with suppress(Refused, Unavailable):
        drive(world.queue.cancel(session, _known(world, session)))


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


def _edit_unstorable(world: World, session: str, message: str) -> None:
    keys = world.keys(session)
    args = (session, world.shape.ttl * 1000, keys.events, message, UNSTORABLE[0])
    drive(world.router.run(keys.tag, load("edit"), keys.script, args))


def forget_answered(world: World) -> None:
    """Takes out of the outboxes what any client has seen the outcome of."""
    for client in world.clients:
        outbox = world.outboxes[client.session]
        for message in client.picture.messages:
            if message.reply_to:
                outbox.pop(message.reply_to, None)
