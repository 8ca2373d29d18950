"""One watcher's place in a session's events: behind, and to be served from the log, or live. Pure.

Live entries come in through `entry`, pages of the log through `page`; what is to be shown goes out through `take`,
each event once and in order, past the queue where `at_once` says so. The queue in between is bounded: a watcher that
takes too slowly loses the queue, not events, and reads the log from where it stopped.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, TypeAlias

from unbroken.cursor import START, Cursor
from unbroken.log import Entry, Page
from unbroken.server.reader import Reader, Verdict

ENTRY_BYTES = 128
"""What an entry weighs beside its frame, for the bound of the queue."""


class Shown(NamedTuple):
    """The next event, and the cursor after it."""

    entry: Entry
    cursor: Cursor


class Replaced(NamedTuple):
    """A snapshot, which replaces what was shown before.

    Attributes:
        messages: all of them, as a JSON array.
        cursor: the one after them.
        name: the session's name, as JSON.
    """

    messages: bytes
    cursor: Cursor
    name: bytes = b'""'


Item: TypeAlias = Shown | Replaced


class State(Enum):
    """Where the next event comes from."""

    BEHIND = "behind"
    """From the log: a read has to be started."""
    READING = "reading"
    """From the log: a read is under way, and live entries are kept for after it."""
    LIVE = "live"
    """From the live channel."""


_LIVE = State.LIVE
_APPLY, _GAP = Verdict.APPLY, Verdict.GAP


class Viewer:
    """One watcher's state machine.

    Guarantees: what `take` gives is the log after the cursor, without hole, repetition or reordering, whatever the
    live channel lost or repeated; a snapshot stands where the log cannot say exactly what followed. At most `limit`
    bytes (or one entry, however long) wait in the queue beside one page of the log, and as many beside a read.

    Args:
        cursor: what the client has seen; None for nothing, which begins with a snapshot.
        limit: most bytes of live entries that may wait.
    """

    __slots__ = ("_again", "_buffer", "_items", "_kept", "_limit", "_queued", "_reader", "_state", "_taken", "_ticket")

    def __init__(self, cursor: Cursor | None, limit: int) -> None:
        self._limit = limit
        self._ticket = 0
        self._items: list[Item] = []
        self._buffer: list[Entry] = []
        self._start(cursor)

    def _start(self, cursor: Cursor | None) -> None:
        self._reader = Reader(cursor or START)
        self._taken = cursor
        self._state = State.BEHIND
        self._items.clear()
        self._queued = 0
        self._buffer.clear()
        self._kept = 0
        self._again = False

    @property
    def state(self) -> State:
        """Where the next event comes from."""
        return self._state

    @property
    def waiting(self) -> bool:
        """Whether `take` has something to give."""
        return bool(self._items)

    # From the hub

    def entry(self, entry: Entry) -> None:
        """Takes in a live entry."""
        if self._state is State.LIVE:
            self._offer(entry)
        elif self._state is State.READING and not self._again:
            self._kept += len(entry.frame) + ENTRY_BYTES
            if self._kept > self._limit and self._buffer:
                self.gap()
            else:
                self._buffer.append(entry)
        # Behind with no read under way: the log has it by the time that it is read.

    def at_once(self, entry: Entry) -> Cursor | None:
        """Takes in a live entry past the queue, for a watcher that shows it in this moment.

        Returns the cursor after it if it is next and nothing waits before it; then it counts as taken. None if there
        is nothing to show, or it waits for `take`, or the log has to be read.
        """
        if self._state is not _LIVE or self._items:
            self.entry(entry)
            return None
        cursor = self._reader.follow(entry) or self._judged(entry)
        if cursor is not None:
            self._taken = cursor
        return cursor

    def gap(self) -> None:
        """Notes that live entries may be missing: the log is read again."""
        if self._state is State.LIVE:
            self._state = State.BEHIND
        elif self._state is State.READING:
            self._again = True
            self._buffer.clear()

    def position(self, newest: Cursor) -> None:
        """Compares with the newest position in Redis; a difference in either direction is a gap."""
        if self._state is State.LIVE and newest != self._reader.cursor:
            self._state = State.BEHIND

    # From the client

    def seek(self, cursor: Cursor | None) -> None:
        """Starts anew from a cursor; what was queued is forgotten, and a read under way is ignored."""
        self._ticket += 1
        self._start(cursor)

    # From the log

    def read(self) -> tuple[int, Cursor | None]:
        """Starts a read of the log, to be done now. The queue must have been taken.

        Returns:
            The ticket to hand in with the page, and the cursor to read from (None: a snapshot).
        """
        assert not self._items
        self._ticket += 1
        self._state = State.READING
        self._buffer.clear()
        self._kept = 0
        self._again = False
        return self._ticket, self._taken

    def page(self, ticket: int, page: Page) -> None:
        """Takes in what a read found, then the live entries that came meanwhile."""
        if ticket != self._ticket:
            return
        if page.snapshot is not None:
            assert page.cursor is not None
            self._reader.jump(page.cursor)
            self._items.append(Replaced(page.snapshot, page.cursor, page.name))
        for entry in page.entries:
            self._reader.replay(entry)
            self._items.append(Shown(entry, self._reader.cursor))
        if self._again or not page.complete:
            self._state = State.BEHIND
            return
        self._state = State.LIVE
        for entry in self._buffer:
            self.entry(entry)
        self._buffer.clear()

    # To the client

    def take(self) -> list[Item]:
        """Hands over everything that is to be shown now. What was taken counts as seen."""
        items, self._items = self._items, []
        self._queued = 0
        if items:
            self._taken = items[-1].cursor
        return items

    def _judged(self, entry: Entry) -> Cursor | None:
        """The cursor after a live entry, if it is next. A gap before it sends the viewer to the log."""
        verdict = self._reader.offer(entry)
        if verdict is _GAP:
            self._state = State.BEHIND
        return self._reader.cursor if verdict is _APPLY else None

    def _offer(self, entry: Entry) -> None:
        cursor = self._judged(entry)
        if cursor is not None:
            self._items.append(Shown(entry, cursor))
            self._queued += len(entry.frame) + ENTRY_BYTES
            if self._queued > self._limit and len(self._items) > 1:
                self._lag()

    def _lag(self) -> None:
        # Only what was taken counts as seen: the reader goes back there, and the log is read once the queue drains.
        self._items.clear()
        self._queued = 0
        self._state = State.BEHIND
        if self._taken is not None:
            self._reader.jump(self._taken)
