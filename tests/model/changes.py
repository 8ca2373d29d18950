"""What people may change of what is accepted or committed, and the laws of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from tests.model.violation import require
from unbroken.cursor import StreamId
from unbroken.log import Entry
from unbroken.protocol import (
    FeedbackGiven,
    MessageEdited,
    MessageWithdrawn,
    QueueChanged,
    SessionRenamed,
    decode_event,
)
from unbroken.scripts import Code
from unbroken.types import Message

if TYPE_CHECKING:
    from tests.model.journal import Journal

SCRIPTS = {
    "edit": MessageEdited,
    "withdraw": MessageWithdrawn,
    "send_now": QueueChanged,
    "feedback": FeedbackGiven,
    "rename": SessionRenamed,
}
"""What publishes which change."""


def movable(journal: Journal, message_id: str) -> Code:
    """Whether a message still waits and nobody stopped it."""
    if message_id not in journal.ids:
        return Code.UNKNOWN
    return Code.OK if _free(journal, journal.ids[message_id]) else Code.LATE


def _free(journal: Journal, turn: StreamId) -> bool:
    return turn > journal.done and turn != journal.turn and turn.first not in journal.flagged


def apply(journal: Journal, entry: Entry, script: str) -> None:
    """Takes in a change."""
    event = decode_event(entry.frame)
    require(type(event) is SCRIPTS.get(script), "C: a change of the wrong kind", entry, script)
    require(entry.id.first == journal.change.first + 1, "C: not the next change", entry, journal.change)
    require(entry.prev == journal.change, "C: the change before is another", entry, journal.change)
    require(entry.at == (journal.tail, journal.top), "C: a change of another place", entry, journal.tail, journal.top)
    journal.change = entry.id
    match event:
        case MessageEdited(message):
            old = journal.question(message.turn)
            require(movable(journal, old.id) is Code.OK, "B: edited too late", entry)
            require(message == replace(old, msg=message.msg), "B: an edit changed more than the text", old, message)
            journal.replace(message)
        case MessageWithdrawn(message_id, turn):
            old = journal.question(turn)
            require(old.id == message_id and movable(journal, old.id) is Code.OK, "B: withdrawn too late", entry)
            asking = journal.asking(turn)
            journal.replace(replace(old, withdrawn=True))
            journal.flagged[turn] = "1"
            if asking and journal.open:
                del journal.asked[asking]
            elif asking:
                journal.open = asking
        case QueueChanged(messages):
            _moved(journal, messages)
        case FeedbackGiven(message_id, value):
            reply = next(message for message in journal.outcomes if message.id == message_id)
            journal.replace(replace(reply, feedback=value))


def _moved(journal: Journal, messages: list[Message]) -> None:
    """One message goes before all that may still move, and those keep their order."""
    chosen = messages[0].id
    turns = [entry.id for entry in journal.waiting if _free(journal, entry.id) and entry.id <= journal.ids[chosen]]
    before = [journal.question(turn.first) for turn in turns]
    rotated = [before[-1], *before[:-1]]
    expected = [replace(message, turn=turn.first) for message, turn in zip(rotated, turns, strict=True)]
    require(len(turns) > 1 and messages == expected, "B: the order changed in another way", messages, expected)
    for message, turn in zip(messages, turns, strict=True):
        journal.replace(message)
        journal.ids[message.id] = turn
