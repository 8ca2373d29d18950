"""The session log: what workers append, and how a reader continues from a cursor.

A log entry and a live message are the same event in two wrappings; both parse to an `Entry`, whose frame is the JSON
that clients read.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

import msgspec

from unbroken.cursor import ZERO, Cursor, StreamId
from unbroken.errors import SessionGone
from unbroken.keys import Keys, SessionKeys
from unbroken.redis.router import Router
from unbroken.redis.wire import prepare
from unbroken.scripts import Code, Scripts

PAGE = 500
"""Most log entries that one resume reads."""

PAGE_BYTES = 262_144
"""Bytes of frames after which a resume reads no more log entries: every reader who is behind holds one page."""


class Kind(Enum):
    """What an entry is. The values are the first byte of live messages and the field `k` of log entries."""

    ACCEPTED = b"a"
    STARTED = b"s"
    DELTA = b"d"
    PART = b"p"
    END = b"e"
    CHANGED = b"c"
    DELETED = b"x"


_KINDS = {kind.value: kind for kind in Kind}
_CHANGED = Kind.CHANGED


class Entry(msgspec.Struct, frozen=True):
    """One event of a session.

    Attributes:
        id: a turn id for ACCEPTED, a change id for CHANGED, else a log id.
        frame: the event as JSON, without its cursor.
        prev: the id before it of its kind; None for deltas and parts, which follow their sequence.
        turn: the turn that a STARTED or END belongs to.
        at: where a CHANGED happened: the newest turn id and log id at its time.
        change: the newest change id when a STARTED began: it answers its message as that change left it.
    """

    kind: Kind
    id: StreamId
    frame: bytes
    prev: StreamId | None = None
    turn: StreamId | None = None
    at: tuple[StreamId, StreamId] | None = None
    change: StreamId | None = None

    @classmethod
    def from_live(cls, payload: bytes) -> Entry:
        """Reads a live message: one header line, then the frame."""
        header, _, frame = payload.partition(b"\n")
        word, first, *others = header.split(b" ")
        kind, id_ = _KINDS[word], StreamId.trusted(first)
        if not others:  # a piece of a reply: nearly always
            return cls(kind, id_, frame)
        prev, *more = map(StreamId.trusted, others)
        if kind is _CHANGED:
            return cls(kind, id_, frame, prev, at=(more[0], more[1]))
        turn, change, *_ = *more, None, None
        return cls(kind, id_, frame, prev, turn, change=change)

    @classmethod
    def from_log(cls, raw: Any) -> Entry:
        """Reads an entry of the log stream."""
        id_, fields = raw
        kind, frame = _KINDS[fields[1]], fields[3]
        if len(fields) == 4:
            return cls(kind, StreamId.trusted(id_), frame)
        prev, turn, *change = map(StreamId.trusted, fields[5::2])
        return cls(kind, StreamId.trusted(id_), frame, prev, turn, change=change[0] if change else None)

    @classmethod
    def from_inbox(cls, raw: Any) -> Entry:
        """Reads an entry of the inbox stream. It has no `prev`: a resume lists the inbox without holes."""
        id_, fields = raw
        return cls(Kind.ACCEPTED, StreamId.trusted(id_), fields[3])


class Page(NamedTuple):
    """What a resume read.

    Attributes:
        snapshot: JSON array of all messages if the cursor was not known exactly, else None.
        cursor: only with a snapshot: where the entries continue.
        entries: what came after the cursor, in order, accepted messages first.
        complete: False if more log entries wait behind these.
        name: only with a snapshot: the session's name, as JSON.
    """

    snapshot: bytes | None
    cursor: Cursor | None
    entries: list[Entry]
    complete: bool
    name: bytes = b'""'


_WRITE = prepare("XADD", None, "NOMKSTREAM", None, "k", None, "f", None)
_SHOW = prepare("SPUBLISH", None, None)


class Appender:
    """Writes events to the log of one session, and shows them live.

    Redis refuses the write if the id is not larger than the newest: a repeated write is dropped, and so is every write
    of an attempt whose session was taken by another. It answers nil if the session is gone.
    """

    __slots__ = ("_events", "_log")

    def __init__(self, keys: SessionKeys) -> None:
        self._log = keys.log.encode()
        self._events = keys.events.encode()

    def commands(self, epoch: int, seq: int, kind: bytes, frame: bytes) -> tuple[bytes, bytes]:
        """The pair of commands that writes and shows an event, to be sent together on one connection."""
        id_ = b"%d-%d" % (epoch, seq)
        live = b"%b %b\n%b" % (kind, id_, frame)
        log, events = self._log, self._events
        return (
            _WRITE % (len(log), log, len(id_), id_, len(kind), kind, len(frame), frame),
            _SHOW % (len(events), events, len(live), live),
        )


class Log:
    """Reads session logs."""

    def __init__(self, router: Router, keys: Keys, scripts: Scripts) -> None:
        self._router = router
        self._keys = keys
        self._scripts = scripts

    async def resume(self, session: str, cursor: Cursor | None, limit: int = PAGE, size: int = PAGE_BYTES) -> Page:
        """Reads what came after the cursor; without one, or where it is unknown, a snapshot.

        Raises:
            SessionGone: if the session expired or never existed.
            Unavailable: if Redis does not answer.
        """
        found = await self._scripts.resume(self._keys.session(session), session, cursor, limit, size)
        if found.code is Code.GONE:
            raise SessionGone()
        said = [Entry.from_log(raw) for raw in found.log]
        entries = [Entry.from_inbox(raw) for raw in found.inbox] + said
        complete = len(said) < limit and sum(len(entry.frame) for entry in said) < size
        if found.code is Code.OK:
            return Page(None, None, entries, complete)
        assert found.tail is not None
        assert found.top is not None
        cursor = Cursor(found.tail, found.top, found.change)
        return Page(found.messages[1:-1], cursor, entries, complete, found.name[1:-1])

    async def position(self, session: str) -> Cursor | None:
        """The newest position, or None if the session is gone."""
        keys = self._keys.session(session)
        (tail, change), newest = await self._router.pipeline(
            keys.tag, ("HMGET", keys.state, "tail", "rev"), ("XREVRANGE", keys.log, "+", "-", "COUNT", "1")
        )
        if tail is None:
            return None
        return Cursor(StreamId.parse(tail), StreamId.parse(newest[0][0]) if newest else ZERO, StreamId.parse(change))

    async def top(self, session: str) -> StreamId | None:
        """The newest log id, or None if the log is empty or gone: what a worker reads after a lost connection."""
        keys = self._keys.session(session)
        newest = await self._router.command(keys.tag, "XREVRANGE", keys.log, "+", "-", "COUNT", "1")
        return StreamId.parse(newest[0][0]) if newest else None
