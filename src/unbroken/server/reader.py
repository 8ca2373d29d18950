"""The rules by which a reader of a session's live channel stays exact. Pure: entries in, verdicts out.

Live messages may be lost, repeated, or come from a worker that was already replaced. The log is the truth; a reader
applies a live message only if it is provably the next one, and asks the log otherwise.
"""

from __future__ import annotations

from enum import Enum

from unbroken.cursor import Cursor
from unbroken.log import Entry, Kind


class Verdict(Enum):
    """What to do with a live entry."""

    APPLY = "apply"
    """It is the next one: show it."""
    DROP = "drop"
    """It was seen, or it was never part of the log."""
    GAP = "gap"
    """Something before it is missing: resume from the cursor."""


# Looking up a member of an enum costs as much as a call.
_ACCEPTED, _DELTA, _PART, _END, _CHANGED, _DELETED = (
    Kind.ACCEPTED, Kind.DELTA, Kind.PART, Kind.END, Kind.CHANGED, Kind.DELETED,
)  # fmt: skip
_APPLY, _DROP, _GAP = Verdict.APPLY, Verdict.DROP, Verdict.GAP


class Reader:
    """One position in one session's events.

    Args:
        cursor: where to start; everything up to it counts as seen.
    """

    __slots__ = ("_change", "_log", "_turn")

    def __init__(self, cursor: Cursor) -> None:
        self._turn, self._log, self._change = cursor

    @property
    def cursor(self) -> Cursor:
        """Everything up to here was seen, nothing after it."""
        return Cursor(self._turn, self._log, self._change)

    def jump(self, cursor: Cursor) -> None:
        """Moves to where a snapshot stands, possibly backwards."""
        self._turn, self._log, self._change = cursor

    def replay(self, entry: Entry) -> None:
        """Moves past an entry that a resume gave: those are exact and in order."""
        if entry.kind is _ACCEPTED:
            self._turn = entry.id
        elif entry.kind is _CHANGED:
            self._change = entry.id
        else:
            self._log = entry.id

    def follow(self, entry: Entry) -> Cursor | None:
        """Moves past an entry that is the next piece of the running reply, and returns the cursor after it.

        None: it is something else, and has to be judged by `offer`.
        """
        (epoch, seq), (last_epoch, last_seq) = entry.id, self._log
        if seq != last_seq + 1 or epoch != last_epoch or (entry.kind is not _DELTA and entry.kind is not _PART):
            return None
        self._log = entry.id
        return Cursor(self._turn, entry.id, self._change)

    def offer(self, entry: Entry) -> Verdict:
        """Judges a live entry, and moves past it if it is to be applied."""
        kind = entry.kind
        if kind is _ACCEPTED:
            verdict = self._accepted(entry)
        elif kind is _CHANGED:
            verdict = self._changed(entry)
        elif kind is _DELETED:
            verdict = _GAP  # the log tells that there is none
        else:
            verdict = self._logged(entry)
        if verdict is _APPLY:
            self.replay(entry)
        return verdict

    def _accepted(self, entry: Entry) -> Verdict:
        if entry.prev == self._turn:
            return _APPLY
        # A number that was given out before is old, unless it is younger than what we know: then a failover gave
        # the number away again, and the history we know is not the one that is left.
        if entry.id.first <= self._turn.first and entry.id.second <= self._turn.second:
            return _DROP
        return _GAP

    def _changed(self, entry: Entry) -> Verdict:
        # A change speaks of what was there at its time, so a reader must know all of that.
        if entry.prev == self._change and entry.at == (self._turn, self._log):
            return _APPLY
        if entry.id.first <= self._change.first and entry.id.second <= self._change.second:
            return _DROP
        return _GAP

    def _logged(self, entry: Entry) -> Verdict:
        epoch, seq = entry.id
        last_epoch, last_seq = self._log
        if entry.id <= self._log:
            return _DROP
        if epoch == last_epoch and (seq == last_seq + 1 or entry.kind is _END):
            return _APPLY  # an end carries the full text, which closes any gap before it
        if seq == 0 and entry.prev == self._log and entry.turn is not None and entry.turn <= self._turn:
            # A reply to an edited message must not be shown under the text that it had before.
            return _APPLY if entry.change in (None, self._change) else _GAP
        return _GAP
