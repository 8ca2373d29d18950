"""What a client shows: the plainest reducer of events, against which the log is compared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

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
from unbroken.types import Message, Part, Role


class Running(NamedTuple):
    """A reply that is being said."""

    turn: int
    message_id: str
    attempt: int
    text: str
    parts: tuple[Part, ...] = ()

    def with_text(self, text: str) -> Running:
        return self._replace(text=self.text + text)

    def with_part(self, part: Part) -> Running:
        return self._replace(parts=(*self.parts, part))


class Picture(NamedTuple):
    """All messages in the order of their turns, each question before its answer, and what is being said."""

    messages: tuple[Message, ...] = ()
    running: Running | None = None

    def after(self, event: Event) -> Picture:
        """What is shown after an event."""
        running = self.running
        match event:
            case Snapshot(messages):
                return Picture(in_order(messages))
            case MessageAccepted(message):
                return Picture(in_order((*self.messages, message)), running)
            case ReplyStarted(turn, message_id, attempt, text, parts=parts):
                return Picture(self.messages, Running(turn, message_id, attempt, text, tuple(parts)))
            case ReplyDelta(turn, text) if running and running.turn == turn:
                return Picture(self.messages, running.with_text(text))
            case ReplyPart(turn, part) if running and running.turn == turn:
                return Picture(self.messages, running.with_part(part))
            case ReplyCompleted(message) | ReplyFailed(message) | ReplyCancelled(message):
                return Picture(in_order((*self.messages, message)))
            case MessageEdited(message):
                return Picture(self._with(message), running)
            case QueueChanged(messages):
                return Picture(self._with(*messages), running)
            case MessageWithdrawn(message_id):
                return Picture(self._with(replace(self._find(message_id), withdrawn=True)), running)
            case FeedbackGiven(message_id, value):
                return Picture(self._with(replace(self._find(message_id), feedback=value)), running)
            case _:
                return self

    def _find(self, message_id: str) -> Message:
        return next(message for message in self.messages if message.id == message_id)

    def _with(self, *changed: Message) -> tuple[Message, ...]:
        return in_order((*{place(message): message for message in (*self.messages, *changed)}.values(),))


def place(message: Message) -> tuple[int, bool]:
    """Where a message stands: its turn, and whether it is the answer."""
    return message.turn, message.role is Role.ASSISTANT


def in_order(messages: Iterable[Message]) -> tuple[Message, ...]:
    return tuple(sorted(messages, key=place))
