"""What really happened in one session, event by event, and the laws that every event has to keep.

The journal is written from what the scripts publish and from the chunks that Redis took. It forgets nothing: a client
with an old cursor is compared with it long after the log was trimmed.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import NamedTuple, Self

from tests.model import changes
from tests.model.parts import joined, reasons
from tests.model.picture import Running, in_order, place
from tests.model.violation import require
from unbroken.cursor import ZERO, StreamId
from unbroken.log import Entry, Kind
from unbroken.protocol import (
    MessageAccepted,
    ReplyCancelled,
    ReplyCompleted,
    ReplyDelta,
    ReplyFailed,
    ReplyPart,
    ReplyStarted,
    decode_event,
)
from unbroken.types import Message, Role, Status

OUTCOMES = {
    Status.COMPLETED: ReplyCompleted,
    Status.FAILED: ReplyFailed,
    Status.CANCELLED: ReplyCancelled,
}


class Place(NamedTuple):
    """What a reader has seen who stands at a log id: so many outcomes, and this much of a reply."""

    outcomes: int
    running: Running | None


class Letter(NamedTuple):
    """A dead letter."""

    session: str
    message_id: str
    turn: StreamId
    attempts: int
    error: str


class Progress(NamedTuple):
    """What the bot of a turn keeps for its next attempt.

    Attributes:
        kept: as it was handed in.
        step: the epoch of the call, and its number.
        mark: up to where what was said stays.
    """

    kept: bytes = b""
    step: StreamId = ZERO
    mark: StreamId | None = None


class Journal:
    """The truth about one session.

    Attributes:
        document: every message in the order in which it was stored, as it is now.
        versions: for each place in the conversation what was there, and since which change.
        changed: turns of waiting messages that are not what was accepted there.
        change: the newest change.
        accepted: the user's messages, as events.
        texts: what was accepted; nobody types the same twice.
        outcomes: the committed replies.
        log: every entry that was ever written, also those trimmed since.
        kept: index of the first entry of `log` that Redis still has to hold.
        places: what a reader has seen at each log id.
        refused: ids that were shown live though Redis had refused to write them.
        flagged: stopped turns without an outcome yet: 1, or m<id> of the message that is answered with them.
        running: the epoch that owns the session, or None.
        nonce: of the take that owns it.
        turn: the turn that was last attempted, until its outcome.
        attempt: how many of its attempts count.
        epoch: the last epoch given out.
        fin: the epoch that committed last.
        calls: nonces of the newest changes, the newest first.
        name: of the session.
        bot: that answers it.
        progress: what the bot of that turn keeps.
        to: the reply whose question that turn answers.
        asked: what bots kept that asked a question, by the reply that asks, until the answer has its outcome.
        open: the reply whose question nobody answers yet, or None.
        gone: whether the session expired.
    """

    def __init__(self, session: str, attempts: int, bot: str = "") -> None:
        self.session = session
        self.bot = bot
        self.limit = attempts
        self.document: list[Message] = []
        self.versions: dict[tuple[int, bool], tuple[tuple[int, Message], ...]] = {}
        self.changed: set[int] = set()
        self.change = ZERO
        self.accepted: list[Entry] = []
        self.ids: dict[str, StreamId] = {}
        self.texts: set[str] = set()
        self.outcomes: list[Message] = []
        self.letters: list[Letter] = []
        self.log: list[Entry] = []
        self.kept = 0
        self.places = {ZERO: Place(0, None)}
        self.refused: set[StreamId] = set()
        self.flagged: dict[int, str] = {}
        self.running: int | None = None
        self.nonce = ""
        self.turn: StreamId | None = None
        self.attempt = 0
        self.epoch = 0
        self.fin = 0
        self.progress = Progress()
        self.to: str | None = None
        self.asked: dict[str, bytes] = {}
        self.open: str | None = None
        self.calls: list[str] = []
        self.name = "Ada"
        self.gone = False

    def clone(self) -> Self:
        """An independent copy."""
        other = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, (list, dict, set)):
                setattr(other, name, value.copy())
        return other

    @property
    def tail(self) -> StreamId:
        """The newest turn id."""
        return self.accepted[-1].id if self.accepted else ZERO

    @property
    def done(self) -> StreamId:
        """The turn id that was committed last."""
        return self.accepted[len(self.outcomes) - 1].id if self.outcomes else ZERO

    @property
    def top(self) -> StreamId:
        """The newest log id."""
        return self.log[-1].id if self.log else ZERO

    @property
    def waiting(self) -> list[Entry]:
        """Accepted messages without an outcome."""
        return self.accepted[len(self.outcomes) :]

    @property
    def said(self) -> Running | None:
        """What the newest attempt has shown."""
        return self.places[self.top].running

    def shown(self) -> Running | None:
        """What the attempts at the next turn have shown."""
        return self.said if self.waiting and self.turn == self.waiting[0].id else None

    def standing(self, continues: bool) -> Running | None:
        """What of that the next attempt leaves standing."""
        said = self.shown()
        if said is None or continues:
            return said
        mark = self.progress.mark
        return self.places[mark if mark and mark.first == self.epoch else StreamId(self.epoch, 0)].running

    def question(self, turn: int) -> Message:
        """The user's message of a turn, as it is now."""
        return self.versions[turn, False][-1][1]

    def replace(self, message: Message) -> None:
        """Puts another message in the place of one that is there."""
        where = place(message)
        self.document = [message if place(old) == where else old for old in self.document]
        self.versions[where] += ((self.change.first, message),)
        if message.role is Role.USER:
            self.changed.add(message.turn)

    def seen(self, turn: int, outcomes: int, change: int) -> tuple[Message, ...]:
        """What a reader shows who knows so much; what came after the change that it knows, it knows as it came."""
        places = [(number, False) for number in range(1, turn + 1)]
        places += [(number, True) for number in range(1, outcomes + 1)]
        found = []
        for where in places:
            first, *later = self.versions[where]
            known = [first[1], *(message for since, message in later if since <= change)]
            found.append(known[-1])
        return in_order(found)

    def context(self, turn: int) -> list[Message]:
        """What may be told to a bot that answers a turn: nothing withdrawn, and of several versions only the last."""
        known = in_order(message for message in self.document if message.turn <= turn)
        asked = [message.id for message in known if message.role is Role.USER and not message.withdrawn]
        hidden = {
            older for number, older in enumerate(asked) if self.first(older) in map(self.first, asked[number + 1 :])
        }
        visible = set(asked) - hidden
        return [
            message
            for message in known
            if (message.reply_to or message.id) in visible and not self._instead(message.merged_into, visible)
        ]

    def _instead(self, merged_into: str | None, visible: set[str]) -> bool:
        """Whether the message that a reply gave way to is in view, or a later version of it."""
        if merged_into is None:
            return False
        later = {shown for shown in visible if self.ids[shown] >= self.ids[merged_into]}
        return self.first(merged_into) in map(self.first, later)

    def together(self, turn: int, known: list[Message]) -> list[str]:
        """What a bot is to answer with a turn: its text, behind those of all that were merged into it and are known."""
        texts, targets = [self.question(turn).msg], {self.first(self.question(turn).id)}
        for earlier in range(turn - 1, 0, -1):
            question, reply = self.question(earlier), self.versions[earlier, True][-1][1]
            if reply not in known or question not in known or question.withdrawn or not reply.merged_into:
                continue
            if self.first(reply.merged_into) in targets:
                targets.add(self.first(question.id))
                texts.insert(0, question.msg)
        return texts

    def asking(self, turn: int) -> str | None:
        """The reply whose question the message of a turn answers, as long as that waits for it."""
        message = self.question(turn)
        return message.answers if message.answers in self.asked and not message.withdrawn else None

    def answerable(self, merge: bool) -> str | None:
        """The reply whose question the next message answers."""
        stopped = [entry.id.first for entry in reversed(self.waiting) if entry.id.first not in self.flagged]
        taken = [asking for turn in stopped if merge and (asking := self.asking(turn))]
        return next(iter([*([self.open] if self.open else []), *taken]), None)

    def give_up(self) -> None:
        """Nobody will answer the open question."""
        if self.open is not None:
            del self.asked[self.open]
            self.open = None

    def first(self, message_id: str) -> str:
        """Id of the first version of a message."""
        return self.question(self.ids[message_id].first).replaces or message_id

    def apply(self, entry: Entry, script: str, now: int) -> None:
        """Takes in what a script published."""
        if entry.kind is Kind.CHANGED:
            changes.apply(self, entry, script)
            return
        event = decode_event(entry.frame)
        match event:
            case MessageAccepted(message):
                require(entry.kind is Kind.ACCEPTED and script == "accept", "C: event of the wrong kind", entry)
                self._accepted(entry, message, now)
            case ReplyStarted():
                require(entry.kind is Kind.STARTED and script == "take", "C: event of the wrong kind", entry)
                self._started(entry, event)
            case ReplyCompleted(message) | ReplyFailed(message) | ReplyCancelled(message):
                require(entry.kind is Kind.END and script in ("take", "finish"), "C: event of the wrong kind", entry)
                require(message.status and type(event) is OUTCOMES[message.status], "C: event of the wrong type", entry)
                self._ended(entry, message, script, now)
            case _:
                require(False, "C: a script published something else", entry)

    def chunk(self, entry: Entry) -> None:
        """Takes in a delta or a part that Redis wrote."""
        require(self.turn and entry.id.first == self.epoch, "F: a stale epoch wrote a chunk", entry, self.epoch)
        require(entry.id == (self.top.first, self.top.second + 1), "C: the log has a hole", self.top, entry)
        said = self.said
        assert said is not None
        match decode_event(entry.frame):
            case ReplyDelta(_, text):
                said = said.with_text(text)
            case ReplyPart(_, part):
                said = said.with_part(part)
        self._append(entry, said)

    def _accepted(self, entry: Entry, message: Message, now: int) -> None:
        require(entry.prev == self.tail, "C: the accepted message before is another", entry, self.tail)
        require(entry.id.first == self.tail.first + 1, "B: not the next turn", entry, self.tail)
        require(message.turn == entry.id.first and message.role is Role.USER, "B: not the message of its turn", entry)
        require(message.timestamp == iso(now), "D: the wrong time", message.timestamp, iso(now))
        require(message.id not in self.ids, "A: a message was accepted twice", entry)
        require(message.msg not in self.texts, "A: a message was accepted twice, under two ids", entry)
        self.texts.add(message.msg)
        self.ids[message.id] = entry.id
        self.accepted.append(Entry(entry.kind, entry.id, entry.frame))
        self._store(message)

    def _started(self, entry: Entry, event: ReplyStarted) -> None:
        head = self._head(entry)
        require(event.turn == head.id.first, "B: not the turn of its message", entry)
        require(self.ids[event.message_id] == head.id, "B: not the message of its turn", entry)
        require(head.id.first not in self.flagged, "B: a cancelled turn was started", entry)
        require(entry.change == self.change, "D: started under another change", entry, self.change)
        self._fresh_epoch(entry)
        self.attempt = self.attempt + 1 if self.turn == head.id else 1
        require(event.attempt == self.attempt <= self.limit, "A: not the next attempt", entry, self.attempt)
        if self.turn != head.id:
            self.progress = Progress()
        self.turn = head.id
        self.to = self.asking(head.id.first)
        self.epoch = self.running = entry.id.first
        self._append(entry, Running(event.turn, event.message_id, event.attempt, event.text, tuple(event.parts)))

    def _ended(self, entry: Entry, message: Message, script: str, now: int) -> None:
        head = self._head(entry)
        turn = head.id.first
        asked = self.question(turn)
        require(
            (message.turn, message.reply_to, message.id, message.role, message.timestamp)
            == (turn, asked.id, f"{asked.id}.reply", Role.ASSISTANT, iso(now)),
            "A: an outcome of another message",
            message,
            asked,
        )
        if entry.id.first != self.epoch or script == "take":
            self._fresh_epoch(entry)
        require(entry.id > self.top, "C: the log goes backwards", entry, self.top)
        attempts = self.attempt if self.turn == head.id else 0
        said = self.shown()
        partial, parts = (said.text, list(said.parts)) if said else ("", [])
        if script == "finish":
            require(self.running is not None, "F: an outcome of nobody's attempt", entry)
            require(message.msg.startswith(partial), "D: the outcome contradicts what was shown", message.msg, partial)
            kept = reasons(message.parts).startswith(reasons(parts))
            require(kept, "D: the outcome lacks parts that were shown", message.parts, parts)
        else:
            require(message.msg == partial, "D: the outcome is not what was shown", message.msg, partial)
            same = joined(message.parts) == joined(parts)
            require(same, "D: the outcome has not the parts that were shown", message.parts, parts)
            if message.status is Status.CANCELLED:
                require(turn in self.flagged, "A: cancelled without a cancel", entry)
            else:
                require(message.status is Status.FAILED, "A: a take does not complete", entry)
                require(attempts == self.limit, "A: failed before its attempts were used", entry, attempts)
        into = self.flagged.get(turn, "")[1:] if message.status is Status.CANCELLED else ""
        require((message.merged_into or "") == into, "D: an outcome gave way to another", message, into)
        require(not into or self.ids[into].first > turn, "B: merged into what was before", message, into)
        if not into and (asking := self.asking(turn)):
            del self.asked[asking]
        if message.status is Status.FAILED:
            self.letters.append(Letter(self.session, asked.id, head.id, attempts, "attempts_exhausted"))
        self.outcomes.append(message)
        self._store(message)
        self.flagged.pop(turn, None)
        self.changed.discard(turn)
        self.epoch = self.fin = entry.id.first
        self.running = self.turn = None
        self.progress = Progress()
        self._append(entry, None)
        self.kept = len(self.log) - 1

    def _store(self, message: Message) -> None:
        self.document.append(message)
        self.versions[place(message)] = ((self.change.first, message),)

    def _head(self, entry: Entry) -> Entry:
        require(self.waiting, "A: an outcome too many", entry)
        require(entry.turn == self.waiting[0].id, "B: not the next message in order", entry, self.waiting[0].id)
        require(entry.prev == self.top, "C: the log entry before is another", entry, self.top)
        return self.waiting[0]

    def _fresh_epoch(self, entry: Entry) -> None:
        newest = max(self.epoch, self.top.first)
        require(entry.id.second == 0 and entry.id.first > newest, "F: not a new epoch", entry, newest)

    def _append(self, entry: Entry, running: Running | None) -> None:
        self.log.append(entry)
        self.places[entry.id] = Place(len(self.outcomes), running)


def iso(microseconds: int) -> str:
    """A moment as the scripts write it."""
    seconds, rest = divmod(microseconds // 1000, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03}Z"
