"""What a chat looks like: a pure reducer, state + event → state.

The same rules hold for every reader of a session, whatever it is connected to: a snapshot replaces everything, an
outcome is final, and only the current attempt may add text. An event that changes nothing gives back the very same
object, so that callers can tell news from repetition with `is`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from unbroken.protocol import (
    Event,
    FeedbackGiven,
    MessageAccepted,
    MessageEdited,
    MessageWithdrawn,
    QueueChanged,
    ReplyCancelled,
    ReplyCompleted,
    ReplyDelta,
    ReplyFailed,
    ReplyPart,
    ReplyStarted,
    Snapshot,
)
from unbroken.types import Message, Part, Question, Role, Status, in_order, in_view


class Running(msgspec.Struct, frozen=True):
    """A reply that is being said.

    Attributes:
        turn: the turn of the message that it answers.
        message_id: id of that message.
        attempt: 1, or more if a worker died on the way.
        text: what this attempt has said so far.
        parts: what it said beside text.
    """

    turn: int
    message_id: str
    attempt: int
    text: str = ""
    parts: tuple[Part, ...] = ()


class OpenQuestion(NamedTuple):
    """What the bot asked and nobody has answered yet.

    Attributes:
        reply_id: the reply that asks: what the `answers` of a message names.
        question: its text and its options.
    """

    reply_id: str
    question: Question


class Transcript(msgspec.Struct, frozen=True):
    """A session as its readers see it.

    Attributes:
        messages: questions and committed answers, each answer behind its question.
        running: the reply that is being said, if any.
    """

    messages: tuple[Message, ...] = ()
    running: Running | None = None

    def question(self, message_id: str) -> Message | None:
        """The accepted message with this id."""
        return next((m for m in self.messages if m.role is Role.USER and m.id == message_id), None)

    def outcome(self, message_id: str) -> Message | None:
        """The committed reply to a message, or None while there is none."""
        return next((m for m in reversed(self.messages) if m.reply_to == message_id), None)

    @property
    def waiting(self) -> list[Message]:
        """Accepted messages whose reply is still to come, in the order in which they will be answered."""
        answered = {m.turn for m in self.messages if m.role is Role.ASSISTANT}
        if self.running:
            answered.add(self.running.turn)
        return [m for m in self.messages if m.role is Role.USER and m.turn not in answered and not m.withdrawn]

    @property
    def shown(self) -> list[Message]:
        """The messages as people see them: nothing that was replaced or withdrawn, and no answers to that."""
        return in_view(self.messages)

    @property
    def open_question(self) -> OpenQuestion | None:
        """The question that the next message answers, or None: the last one in view, unless it is answered.

        An answer that was withdrawn counts no more; a message that changes the past gives the question up.
        """
        found = ((reply, part) for reply in reversed(self.messages) if (part := _asked(reply)))
        reply, question = next(found, (None, None))
        if reply is None or question is None or reply not in self.shown:
            return None
        for message in self.messages:
            changes = message.replaces is not None and message.timestamp > reply.timestamp
            if changes or (message.answers == reply.id and not message.withdrawn):
                return None
        return OpenQuestion(reply.id, question)

    def replay(self, cursor: str = "") -> list[Event]:
        """Events that lead from nothing to this transcript: a snapshot, then what the running reply said."""
        events: list[Event] = [Snapshot(list(self.messages), cursor)]
        if self.running:
            now = self.running
            events.append(ReplyStarted(now.turn, now.message_id, now.attempt, now.text, cursor, list(now.parts)))
        return events


def advance(state: Transcript, event: Event) -> Transcript:
    """What the transcript is after an event; the same object if the event changes nothing."""
    match event:
        case Snapshot():
            return Transcript(tuple(in_order(event.messages)))
        case MessageAccepted():
            return _accepted(state, event.message)
        case ReplyStarted():
            return _started(state, event)
        case ReplyDelta() | ReplyPart():
            return _said(state, event)
        case ReplyCompleted() | ReplyFailed() | ReplyCancelled():
            return _ended(state, event.message)
        case MessageEdited():
            return _rewritten(state, (event.message,))
        case QueueChanged():
            return _rewritten(state, event.messages)
        case MessageWithdrawn():
            return _marked(state, event.message_id, withdrawn=True)
        case FeedbackGiven():
            return _marked(state, event.message_id, feedback=event.value)
        case _:
            return state


def _asked(reply: Message) -> Question | None:
    """The question that a reply ends with, if it ends with one."""
    last = reply.parts[-1] if reply.parts and reply.status is Status.COMPLETED else None
    return last if isinstance(last, Question) else None


def _place(message: Message) -> tuple[int, bool]:
    return message.turn, message.role is Role.ASSISTANT


def _with(messages: tuple[Message, ...], message: Message) -> tuple[Message, ...]:
    """Inserts from the end: new messages nearly always belong there."""
    at = len(messages)
    while at and _place(messages[at - 1]) > _place(message):
        at -= 1
    return (*messages[:at], message, *messages[at:])


def _accepted(state: Transcript, message: Message) -> Transcript:
    if any(m.turn == message.turn and m.role is Role.USER for m in reversed(state.messages)):
        return state
    return Transcript(_with(state.messages, message), state.running)


def _answered(state: Transcript, turn: int) -> bool:
    return any(m.turn == turn and m.role is Role.ASSISTANT for m in reversed(state.messages))


def _started(state: Transcript, event: ReplyStarted) -> Transcript:
    if _answered(state, event.turn):
        return state
    return Transcript(
        state.messages, Running(event.turn, event.message_id, event.attempt, event.text, tuple(event.parts))
    )


def _said(state: Transcript, event: ReplyDelta | ReplyPart) -> Transcript:
    now = state.running
    if now is None or now.turn != event.turn:
        return state
    if isinstance(event, ReplyPart):
        return Transcript(
            state.messages, Running(now.turn, now.message_id, now.attempt, now.text, (*now.parts, event.part))
        )
    return Transcript(state.messages, Running(now.turn, now.message_id, now.attempt, now.text + event.text, now.parts))


def _ended(state: Transcript, message: Message) -> Transcript:
    if _answered(state, message.turn):
        return state
    running = state.running if state.running and state.running.turn != message.turn else None
    return Transcript(_with(state.messages, message), running)


def _rewritten(state: Transcript, messages: Sequence[Message]) -> Transcript:
    """These questions now have these turns."""
    new = {message.turn: message for message in messages}
    return Transcript(tuple(new.get(m.turn, m) if m.role is Role.USER else m for m in state.messages), state.running)


def _marked(state: Transcript, message_id: str, **changes: Any) -> Transcript:
    return Transcript(
        tuple(msgspec.structs.replace(m, **changes) if m.id == message_id else m for m in state.messages),
        state.running,
    )
