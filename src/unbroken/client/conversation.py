"""One side of a chat without its socket: events in, verdicts and commands out (Sans-I/O).

Holds what has to survive a lost connection: the cursor, the transcript and the outbox.
"""

from __future__ import annotations

import msgspec

from unbroken import errors
from unbroken.client.outbox import Outbox
from unbroken.client.transcript import Transcript, advance
from unbroken.errors import Refused
from unbroken.protocol import (
    ERRORS,
    Error,
    Event,
    Limits,
    MessageAccepted,
    MessageAcknowledged,
    MessageSend,
    Reconnect,
    ReplyCancelled,
    ReplyCompleted,
    ReplyFailed,
    SessionInfo,
    SessionReady,
    SessionRenamed,
    Snapshot,
)

REMEMBERED = 1024
"""How many of the newest cursors are compared to find a repeated event."""


class Conversation:
    """The state of one chat, whatever happens to its connections.

    Attributes:
        cursor: everything up to it was seen; empty before the first snapshot.
        outbox: what the server still has to be told.
        refused: messages that will have no outcome, and why. The reader takes them out.
        gone: why the chat is over, or None.
    """

    def __init__(self) -> None:
        self.cursor = ""
        self.transcript = Transcript()
        self.outbox = Outbox()
        self.session: SessionInfo | None = None
        self.limits: Limits | None = None
        self.refused: dict[str, Refused] = {}
        self.gone: Refused | None = None
        self._seen: dict[str, None] = {}  # in order

    def send(self, message: MessageSend) -> None:
        """Owes the server a message, unless it is answered already."""
        if self.transcript.outcome(message.id) is None:
            self.outbox.add(message)
            if self.transcript.question(message.id):
                self.outbox.accepted(message.id)

    def receive(self, event: Event, now: float) -> bool:
        """Takes an event of the server; returns whether it is news. What was seen before is not."""
        match event:
            case SessionReady():
                self.session, self.limits = event.session, event.limits
                self.outbox.connected(event.acknowledges)
            case Snapshot():
                # It may set the cursor back: what was seen before it says nothing about what follows.
                self._seen.clear()
                self._move(event.cursor)
                self.transcript = advance(self.transcript, event)
                self.outbox.compare(self.transcript)
                self._rename(event.name)
            case Error():
                self._error(event, now)
            case MessageAcknowledged():
                self.outbox.acknowledged(event.message_id)
            case Reconnect():
                pass
            case _:
                return self._logged(event)
        return True

    def _rename(self, name: str) -> None:
        if self.session and name:
            self.session = msgspec.structs.replace(self.session, name=name)

    def _move(self, cursor: str) -> None:
        self.cursor = cursor
        self._seen[cursor] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def _logged(self, event: Event) -> bool:
        cursor: str = getattr(event, "cursor", "")
        if cursor:
            if cursor in self._seen:
                return False
            self._move(cursor)
        before, self.transcript = self.transcript, advance(self.transcript, event)
        match event:
            case SessionRenamed():
                self._rename(event.name)
                return True
            case MessageAccepted():
                self.outbox.accepted(event.message.id)
            case ReplyCompleted() | ReplyFailed() | ReplyCancelled() if event.message.reply_to:
                self.outbox.settled(event.message.reply_to)
        return self.transcript is not before

    def _error(self, event: Error, now: float) -> None:
        about = event.message_id
        if event.code == "session_gone":
            self.gone = refusal(event)
        elif about is None:
            return
        elif event.code == "unknown_message" and (not self.outbox.replaces(about) or self.transcript.question(about)):
            self.outbox.not_cancelled(about)
        elif is_temporary(event) and (event.code != "busy" or self.outbox.may_wait(about)):
            self.outbox.postponed(about, now, event.retry_after)
        elif about in self.outbox:
            self.refused[about] = refusal(event)
            self.outbox.refused(about)


def is_temporary(event: Error) -> bool:
    """Whether the same command may succeed later."""
    row = ERRORS.get(event.code)
    return event.retry_after is not None if row is None else row.retry


_KINDS = {kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Refused)}


def refusal(event: Error) -> Refused:
    """The exception that stands for an error of the server."""
    kind = _KINDS.get(event.code, Refused)
    if kind is errors.SessionGone:
        return errors.SessionGone(event.message)
    error = kind(event.message, retry_after=event.retry_after)
    error.code = event.code
    return error
