"""A taken attempt, and how it ends: what a worker is handed by the queue, and what it hands back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import msgspec

from unbroken.cursor import StreamId
from unbroken.protocol import MessageAccepted
from unbroken.recall import Known
from unbroken.scripts import Taken
from unbroken.turn import Journal
from unbroken.types import REPLY, Failure, Message, Part, Role, Status, in_order, in_view


class Claim(NamedTuple):
    """A taken attempt: everything that a worker needs to answer, and to prove that it may.

    Attributes:
        name: the session's name.
        bot: which bot answers; empty: whichever is the first.
        entry: the ready entry that holds the lease.
        message: the message that was taken.
        partial: the text that earlier attempts showed and that stays.
        parts: the parts that they showed and that stay.
        subject: what the bot is to answer: the message, or, if that answers a question of the bot, the message that
            led to the question.
        text: of the subject, and of messages that are answered together with it.
        context: the conversation up to the subject, oldest first, ending with it.
        journal: what the bot kept.
        known: the conversation before the message, if the next one is that and no more than the message and its reply.
    """

    session: str
    name: str
    bot: str
    entry: str
    turn: StreamId
    epoch: int
    attempt: int
    message: Message
    partial: str
    parts: list[Part]
    subject: Message
    text: str
    context: list[Message]
    journal: Journal
    known: Known | None = None


class Outcome(NamedTuple):
    """How a reply ended.

    Attributes:
        reason: goes to the dead letter of a failed one, and may hold details.
        journal: what the bot keeps that ends the reply with a question.
    """

    status: Status
    text: str
    error: Failure | None = None
    parts: Sequence[Part] = ()
    reason: str = ""
    journal: Journal | None = None


class Said(msgspec.Struct):
    """The members of an outcome that are stored."""

    msg: str
    status: Status
    error: Failure | None = None
    parts: list[Part] = []


class Asked(msgspec.Struct):
    """What is kept of a turn whose reply is a question, until that is answered.

    Attributes:
        turn: of the message. It stands first: `take.lua` looks there.
        message: what the bot answers.
        text: of it and of those that are answered with it: the same each time, however much is said in between.
    """

    turn: int
    message: Message
    text: str
    journal: Journal


_accepted = msgspec.json.Decoder(MessageAccepted)
_asked = msgspec.json.Decoder(Asked)
_journal = msgspec.json.Decoder(Journal)
_found = msgspec.json.Decoder(dict[str, msgspec.Raw])
_messages = msgspec.json.Decoder(list[Message])
_names = msgspec.json.Decoder(list[str])
_parts = msgspec.json.Decoder(list[Part])
_said = msgspec.json.Decoder(Said)
_encoder = msgspec.json.Encoder()


def claimed(session: str, entry: str, taken: Taken, context: int, known: Known | None = None) -> Claim:
    """What a take returned, with at most `context` messages before the one that the bot is to answer.

    `known` is what was remembered of the session; it counts if the take read nothing.
    """
    assert taken.turn is not None
    message = _accepted.decode(taken.message).message
    subject, text, journal = message, message.msg, Journal()
    if taken.found:
        found = _found.decode(taken.found)
        name, bot = _names.decode(found.pop("$.name"))[0], [*_names.decode(found.pop("$.bot")), ""][0]
        messages, *around = map(_messages.decode, found.values())
        if around:  # the two may overlap
            messages = list({(one.turn, one.role): one for some in (messages, *around) for one in some}.values())
        text = _together(messages, message)
        if taken.asked:
            asked = _asked.decode(taken.asked)
            journal = asked.journal
            journal.answers = [*journal.answers, text]
            subject, text = asked.message, asked.text
        shown = in_view(one for one in messages if one.turn <= subject.turn)
        earlier = [one for one in shown if one.turn < subject.turn][-context:] if context else []
        known = None
        if not taken.asked and not any(one.replaces or one.withdrawn or one.merged_into for one in messages):
            known = Known(0, taken.change, name, bot, tuple(map(_own, earlier)), tuple(map(_size, earlier)), context)
    else:
        assert known is not None
        name, bot, earlier = known.name, known.bot, [_own(one) for one in known.messages]
    if taken.kept:
        journal = _journal.decode(taken.kept)
    return Claim(
        session,
        name,
        bot,
        entry,
        taken.turn,
        taken.epoch,
        taken.attempt,
        message,
        taken.partial,
        _parts.decode(taken.parts) if taken.parts else [],
        subject,
        text,
        [*earlier, _own(subject)],
        journal,
        known,
    )


def remembered(claim: Claim, outcome: bytes, timestamp: str) -> Known | None:
    """The conversation behind the commit of a reply, whose members and time these are.

    None if it may be another in the store: a cancelled reply may have given way to another, and the store rounds.
    """
    said, known = _said.decode(b"{%b}" % outcome), claim.known
    if known is None or said.status is Status.CANCELLED or _rounded(msgspec.to_builtins(said.parts)):
        return None
    reply = Message(
        claim.message.id + REPLY,
        said.msg,
        Role.ASSISTANT,
        timestamp,
        claim.turn.first,
        reply_to=claim.message.id,
        status=said.status,
        error=said.error,
        parts=said.parts,
    )
    first = max(0, len(known.messages) + 2 - known.context)
    return known._replace(
        epoch=claim.epoch,
        messages=(*known.messages, claim.message, reply)[first:],
        sizes=(*known.sizes, _size(claim.message), _size(reply))[first:],
    )


def _own(message: Message) -> Message:
    """A copy of a message: bots may do what they like with the parts of theirs."""
    return msgspec.structs.replace(message, parts=deepcopy(message.parts) if message.parts else [])


def _rounded(value: Any) -> bool:
    """Whether the store may hold another number than one in this value: it keeps whole ones of 64 bits."""
    if isinstance(value, list):
        return any(map(_rounded, value))
    if isinstance(value, dict):
        return any(map(_rounded, value.values()))
    return isinstance(value, float) or (isinstance(value, int) and not -(2**63) <= value < 2**64)


def _size(message: Message) -> int:
    """Bytes that a message takes, about."""
    parts = 3 * len(_encoder.encode(message.parts)) if message.parts else 0
    return 500 + sys.getsizeof(message.msg) + parts


def encode(journal: Journal) -> bytes:
    """What a bot keeps, as it is stored."""
    return _encoder.encode(journal)


def members(outcome: Outcome) -> bytes:
    """The members msg, status, error and parts as JSON without the braces."""
    members: dict[str, Any] = {"msg": outcome.text, "status": outcome.status}
    if outcome.error is not None:
        members["error"] = outcome.error
    if outcome.parts:
        members["parts"] = outcome.parts
    return _encoder.encode(members)[1:-1]


def settled(claim: Claim, outcome: Outcome) -> bytes:
    """What is kept of a question that this reply asks, if it asks one."""
    if outcome.journal is None:
        return b""
    return _encoder.encode(Asked(claim.subject.turn, claim.subject, claim.text, outcome.journal))


def _together(known: list[Message], subject: Message) -> str:
    """The text of a message, behind those of the messages whose replies gave way to its own, or to an older version."""
    into = {one.reply_to: one.merged_into for one in known if one.merged_into}
    if not into:
        return subject.msg
    first = {one.id: one.replaces or one.id for one in known}
    targets, texts = {subject.replaces or subject.id}, [subject.msg]
    for one in reversed(in_order(known)):
        instead = into.get(one.id)
        if one.turn < subject.turn and instead and first.get(instead, instead) in targets and not one.withdrawn:
            targets.add(first[one.id])
            texts.append(one.msg)
    return "\n\n".join(reversed(texts))
