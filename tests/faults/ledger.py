"""What really happened, in the order in which it happened: read from Redis' append-only file.

The file holds the effect of every write that Redis made, also of those inside scripts. Nobody else can tell what a log
held that was trimmed since, or that a write of a replaced attempt was refused and is not there.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import hiredis
import msgspec

from tests.faults.violations import Verdict
from unbroken.cursor import StreamId
from unbroken.log import Kind
from unbroken.turn import Journal
from unbroken.types import Message, Role

_message = msgspec.json.Decoder(Message)
_journal = msgspec.json.Decoder(Journal)
_OWN = ":s:"


class Written(NamedTuple):
    """An entry of a log."""

    id: StreamId
    kind: Kind


class Book:
    """The writes of one session.

    Attributes:
        stored: every message that went into the document, in order.
        log: every entry that the log ever held, in order.
        kept: everything that a bot kept, in order, with None behind what it kept for one reply.
    """

    def __init__(self) -> None:
        self.stored: list[Message] = []
        self.log: list[Written] = []
        self.kept: list[bytes | None] = []


class Ledger:
    """Reads the file on from where it stopped.

    Attributes:
        books: session → its writes since the last `turn_page`.
        dead: how many dead letters were written since then.
    """

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._offset = 0
        self.books: defaultdict[str, Book] = defaultdict(Book)
        self.dead: defaultdict[str, list[int]] = defaultdict(list)

    def turn_page(self) -> None:
        """Forgets what was read."""
        self.books.clear()
        self.dead.clear()

    def read(self, file: Path) -> None:
        """Reads what came since the last time."""
        with file.open("rb") as source:
            source.seek(self._offset)
            while data := source.read(1 << 20):
                self._offset += len(data)
                self._reader.feed(data)
                while (words := self._reader.gets()) is not False:
                    self._write(words)

    def _write(self, words: list[bytes]) -> None:
        command = words[0].upper()
        if command not in (b"XADD", b"JSON.ARRAPPEND", b"HSET", b"HDEL"):
            return
        key = words[1].decode()
        if key.endswith(":state") and b"kept" in words[2:]:
            kept = words[words.index(b"kept") + 1] if command == b"HSET" else None
            self.books[key.partition(_OWN)[2].removesuffix(":state")].kept.append(kept)
        if command == b"JSON.ARRAPPEND":
            self.books[key.partition(_OWN)[2]].stored.append(_message.decode(words[3]))
        elif key.endswith(":log"):
            session = key.partition(_OWN)[2].removesuffix(":log")
            id_, _, kind = words[words.index(b"k") - 1 :][:3]
            self.books[session].log.append(Written(StreamId.parse(id_), Kind(kind)))
        elif key.endswith("}:dead"):
            fields = dict(zip(words[-10::2], words[-9::2], strict=True))
            self.dead[fields[b"s"].decode()].append(int(fields[b"a"]))


def _steps(kept: bytes) -> set[str]:
    return set(_journal.decode(kept).steps)


def check(session: str, book: Book, verdict: Verdict) -> None:
    """A, B, C and F, from what was written."""

    def require(holds: object, invariant: str, *what: object) -> None:
        verdict.require(holds, invariant, session, *what)

    ids = [m.id for m in book.stored]
    require(len(ids) == len(set(ids)), "A", "stored twice:", sorted(i for i in set(ids) if ids.count(i) > 1))
    outcomes = [m.turn for m in book.stored if m.role is Role.ASSISTANT]
    require(outcomes == list(range(1, len(outcomes) + 1)), "B", "outcomes in the order", outcomes)
    ends = sum(entry.kind is Kind.END for entry in book.log)
    require(ends == len(outcomes), "A", f"{len(outcomes)} outcomes, but {ends} final events")
    for earlier, later in pairwise(book.kept):
        if earlier is not None and later is not None:
            require(earlier != later or b'"saved":' in later, "A", "a step was done twice:", later)
            require(_steps(earlier) <= _steps(later), "A", f"{later!r} forgot what was kept: {earlier!r}")
    before = StreamId(0, 0)
    ended = True
    for id_, kind in book.log:
        require(id_.first >= before.first, "F", f"{id_} written after {before}")
        if id_.first == before.first:
            require(not ended, "F", f"{kind} {id_} written after the end of its epoch")
            hole = id_.second != before.second + 1 and kind is not Kind.END
            require(not hole, "C", f"{id_} written after {before}")
        else:
            require(id_.second == 0, "C", f"an epoch begins with {id_}")
            require(kind in (Kind.STARTED, Kind.END), "C", f"an epoch begins with {kind} {id_}")
        before, ended = id_, kind is Kind.END
