"""A session as Redis would hold it, in plain Python, and a client that keeps what it is shown."""

from __future__ import annotations

import copy
import json
from typing import Any

from unbroken.cursor import START, ZERO, Cursor, StreamId
from unbroken.log import Entry, Kind, Page
from unbroken.server.viewer import Item, Replaced


class World:
    """The session's log, inbox and history, by the rules of the scripts. Time is a number that grows."""

    def __init__(self) -> None:
        self.now = 1_000
        self.tail = ZERO
        self.done = ZERO
        self.rev = ZERO
        self.inbox: list[Entry] = []
        self.log: list[Entry] = []
        self.messages: list[dict[str, Any]] = []
        self.epoch = 0
        self.running: Entry | None = None
        self.owned = False
        self.said = ""
        self.seq = 0

    def tick(self) -> int:
        self.now += 1
        return self.now

    @property
    def top(self) -> StreamId:
        return self.log[-1].id if self.log else ZERO

    def position(self) -> Cursor:
        return Cursor(self.tail, self.top, self.rev)

    def accept(self) -> Entry:
        turn = StreamId(self.tail.first + 1, self.tick())
        message = {"turn": turn.first, "role": "user", "msg": f"question {turn}"}
        entry = Entry(Kind.ACCEPTED, turn, _frame("message.accepted", message=message), self.tail)
        self.tail = turn
        self.messages.append(message)
        self.inbox.append(entry)
        return entry

    def start(self) -> Entry | None:
        """Takes the head of the inbox, also from a worker that has it."""
        if not self.inbox:
            return None
        head = self.inbox[0]
        self.epoch = max(self.epoch + 1, self.top.first + 1, self.tick())
        entry = Entry(
            Kind.STARTED,
            StreamId(self.epoch, 0),
            _frame("reply.started", turn=head.id.first, text=""),
            self.top,
            head.id,
        )
        self.log.append(entry)
        self.running, self.said, self.seq, self.owned = head, "", 0, True
        return entry

    def delta(self) -> Entry | None:
        if self.running is None or not self.owned:
            return None
        self.seq += 1
        text = f"{self.epoch}.{self.seq} "
        self.said += text
        entry = Entry(Kind.DELTA, StreamId(self.epoch, self.seq), _frame("reply.delta", turn=1, text=text))
        self.log.append(entry)
        return entry

    def stale(self) -> Entry:
        """What a replaced worker publishes after Redis refused to log it."""
        return Entry(
            Kind.DELTA, StreamId(max(1, self.epoch - 1), self.seq + 1), _frame("reply.delta", turn=1, text="STALE")
        )

    def end(self) -> Entry | None:
        if self.running is None or not self.owned:
            return None
        turn = self.running.id
        message = {"turn": turn.first, "role": "assistant", "msg": self.said}
        entry = Entry(
            Kind.END, StreamId(self.epoch, self.seq + 1), _frame("reply.completed", message=message), self.top, turn
        )
        self.messages.append(message)
        self.log = [entry]
        self.inbox.pop(0)
        self.done, self.running, self.owned = turn, None, False
        return entry

    def change(self) -> Entry | None:
        """Changes what was said before: the newest message gets another text."""
        if not self.messages:
            return None
        before, self.rev = self.rev, StreamId(self.rev.first + 1, self.tick())
        message = self.messages[-1] = self.messages[-1] | {"msg": f"changed {self.rev}"}
        frame = _frame("message.changed", message=message)
        return Entry(Kind.CHANGED, self.rev, frame, before, at=(self.tail, self.top))

    def resume(self, cursor: Cursor | None, limit: int) -> Page:
        if cursor is not None:
            turn, log, change = cursor
            log_known = log == self.top or log in [e.id for e in self.log] or (log == ZERO and self.done == ZERO)
            turn_known = turn in (self.tail, self.done) or turn in [e.id for e in self.inbox]
            if log_known and turn_known and change == self.rev:
                after = [e for e in self.log if e.id > log][:limit]
                return Page(None, None, [e for e in self.inbox if e.id > turn] + after, len(after) < limit)
        before = [e.id for e in self.log if self.running is None or e.id.first < self.epoch]
        anchor = before[-1] if before else ZERO
        after = [e for e in self.log if e.id > anchor][:limit]
        page = Page(json.dumps(self.messages).encode(), Cursor(self.tail, anchor, self.rev), after, len(after) < limit)
        return copy.deepcopy(page)


class Client:
    """What a reader of the items knows."""

    def __init__(self) -> None:
        self.cursor: Cursor = START
        self.messages: list[dict[str, Any]] = []
        self.said = ""
        self.snapshots = 0

    def show(self, items: list[Item]) -> None:
        for item in items:
            self.cursor = item.cursor
            if isinstance(item, Replaced):
                self.messages = json.loads(item.messages)
                self.said = ""
                self.snapshots += 1
                continue
            event = json.loads(item.entry.frame)
            match item.entry.kind:
                case Kind.ACCEPTED:
                    self.messages.append(event["message"])
                case Kind.STARTED:
                    self.said = event["text"]
                case Kind.DELTA:
                    self.said += event["text"]
                case Kind.END:
                    self.messages.append(event["message"])
                    self.said = ""
                case Kind.CHANGED:
                    new = event["message"]
                    same = [(m["turn"], m["role"]) for m in self.messages].index((new["turn"], new["role"]))
                    self.messages[same] = new


def _frame(kind: str, **members: Any) -> bytes:
    return json.dumps({"type": kind, **members}).encode()
