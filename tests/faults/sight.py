"""What one reader of a session may see, event by event: stricter than any client, which forgives.

A client drops what it saw before and lets a final text replace whatever it showed. Here a repeated cursor, a skipped
sequence, a piece of text that the bot did not say at that place, or a vanished one, is a violation.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple, Self

from msgspec.structs import replace

from tests.faults.bots import kept, reply
from tests.faults.violations import Verdict
from unbroken.cursor import Cursor, StreamId
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
    ReplyStarted,
    Snapshot,
)
from unbroken.types import Message, Role, Status

Place = tuple[int, bool]


class Saying(NamedTuple):
    """A reply that is being said."""

    turn: int
    text: str


class Sight:
    """Everything that a reader knows, judged as it comes.

    Attributes:
        cursor: after the last event; None before the first snapshot.
        shown: the messages, by turn and whether they are replies.
        saying: the reply under way.
    """

    def __init__(self, session: str, verdict: Verdict) -> None:
        self._session = session
        self._verdict = verdict
        self._seen: set[str] = set()
        self.cursor: Cursor | None = None
        self.shown: dict[Place, Message] = {}
        self.saying: Saying | None = None

    def remembered(self) -> Self:
        """What is known now, to go back to."""
        other = copy.copy(self)
        other._seen, other.shown = set(self._seen), dict(self.shown)
        return other

    @property
    def messages(self) -> list[Message]:
        """As they are shown: by turn, each reply behind its message."""
        return [self.shown[place] for place in sorted(self.shown)]

    @property
    def finished(self) -> bool:
        """Whether every message that is shown has its outcome."""
        return all((turn, True) in self.shown for turn, _ in self.shown)

    def take(self, event: Event) -> None:
        """Judges the next event."""
        match event:
            case Snapshot():
                self._replaced(event)
            case _ if (cursor := getattr(event, "cursor", "")) and self._moved(event, cursor):
                self._logged(event)
                self._changed(event)

    def _require(self, holds: object, invariant: str, *what: object) -> None:
        self._verdict.require(holds, invariant, self._session, *what)

    # Cursors

    def _replaced(self, event: Snapshot) -> None:
        self.cursor, self._seen, self.saying = Cursor.parse(event.cursor), {event.cursor}, None
        self.shown = {(m.turn, m.role is Role.ASSISTANT): m for m in event.messages}
        self._require(len(self.shown) == len(event.messages), "A", "a snapshot holds a message twice", event.messages)
        outcomes = [m.turn for m in event.messages if m.role is Role.ASSISTANT]
        self._require(outcomes == sorted(outcomes), "B", "a snapshot holds outcomes out of order:", outcomes)

    def _moved(self, event: Event, raw: str) -> bool:
        """Checks that this event is the very next; returns whether it is new at all."""
        before, after = self.cursor, Cursor.parse(raw)
        self._require(raw not in self._seen, "D", "a cursor came twice:", raw, type(event).__name__)
        self._require(before, "D", "an event before the first snapshot:", event)
        if raw in self._seen or before is None:
            return False
        self._seen.add(raw)
        self.cursor = after
        if isinstance(event, MessageAccepted):
            expected = after.turn.first == before.turn.first + 1 and after == before._replace(turn=after.turn)
        elif isinstance(event, ReplyStarted | ReplyDelta | ReplyCompleted | ReplyFailed | ReplyCancelled):
            expected = _follows(before.log, after.log, end=not isinstance(event, ReplyStarted | ReplyDelta))
            expected = expected and after == before._replace(log=after.log)
        else:
            expected = after.change.first == before.change.first + 1 and after == before._replace(change=after.change)
        stale = after.log.first < before.log.first
        self._require(expected, "F" if stale else "D", f"{type(event).__name__} at {raw} after {before}")
        return True

    # Contents

    def _logged(self, event: Event) -> None:
        match event:
            case MessageAccepted(message):
                self._require((message.turn, False) not in self.shown, "A", "accepted twice:", message)
                self.shown[message.turn, False] = message
            case ReplyStarted(turn, _, _, text):
                self._next(turn)
                if self.saying and self.saying.turn == turn and (asked := self.shown.get((turn, False))):
                    stays = "" if asked.answers else kept(asked.msg, self.saying.text)
                    self._require(text.startswith(stays), "D", f"{stays!r} was kept, and is not shown in", event)
                self.saying = Saying(turn, text)
                self._said(turn)
            case ReplyDelta(turn, text):
                saying = self.saying
                self._require(saying and saying.turn == turn, "D", "text for another turn than", saying, event)
                if saying:
                    self.saying = saying._replace(text=saying.text + text)
                    self._said(turn)
            case ReplyCompleted(message) | ReplyFailed(message) | ReplyCancelled(message):
                self._ended(message)

    def _next(self, turn: int) -> None:
        self._require((turn, False) in self.shown, "B", "a reply to a message that was not accepted, turn", turn)
        self._require((turn, True) not in self.shown, "A", "a second outcome, or a start after it, turn", turn)
        open_turns = [t for t, _ in self.shown if (t, True) not in self.shown]
        self._require(not open_turns or min(open_turns) == turn, "B", "turn", turn, "before", sorted(open_turns))

    def _said(self, turn: int) -> None:
        """The text so far is the beginning of the bot's answer: no piece is missing, doubled or another's."""
        assert self.saying is not None
        self._answers(turn, self.saying.text, complete=False)

    def _ended(self, message: Message) -> None:
        turn = message.turn
        self._next(turn)
        self._answers(turn, message.msg, complete=message.status is Status.COMPLETED)
        if self.saying and self.saying.turn == turn:
            shown = self.saying.text
            self._require(message.msg.startswith(shown), "D", f"shown {shown!r}, committed {message.msg!r}")
        self.shown[turn, True] = message
        self.saying = None

    def _answers(self, turn: int, text: str, *, complete: bool) -> None:
        """The text answers its message as that is shown now, an edit of it included."""
        asked = self.shown.get((turn, False))
        whole = reply(asked, self.shown.values()) if asked else ""
        right = text == whole if complete else whole.startswith(text)
        self._require(right, "D", f"turn {turn} is shown {text!r} as the answer to", asked)

    def _changed(self, event: Event) -> None:
        match event:
            case MessageEdited(message):
                self._rewritten([message])
            case QueueChanged(messages):
                self._rewritten(messages)
            case MessageWithdrawn(message_id):
                self._marked(message_id, withdrawn=True)
            case FeedbackGiven(message_id, value):
                self._marked(message_id, feedback=value)

    def _rewritten(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._require((message.turn, False) in self.shown, "D", "changed before it was accepted:", message)
            self._require((message.turn, True) not in self.shown, "D", "changed after its outcome:", message)
            self.shown[message.turn, False] = message

    def _marked(self, message_id: str, **changes: object) -> None:
        places = [place for place, message in self.shown.items() if message.id == message_id]
        self._require(len(places) == 1, "D", "a change of a message that is not there:", message_id)
        for place in places:
            self.shown[place] = replace(self.shown[place], **changes)


def _follows(before: StreamId, after: StreamId, *, end: bool) -> bool:
    """An end carries the whole text, so it may close a gap; a new epoch begins with 0."""
    if after.first == before.first:
        return after.second == before.second + 1 or (end and after.second > before.second)
    return after.first > before.first and after.second == 0
