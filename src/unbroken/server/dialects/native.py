"""`unbroken.v1`: JSON events, as they were logged, with their cursor in front."""

from __future__ import annotations

from collections.abc import Sequence

from unbroken.cursor import ZERO, Cursor
from unbroken.log import Entry
from unbroken.protocol import Command, decode_command, encode, with_cursor
from unbroken.server.dialects import Notice
from unbroken.server.viewer import Replaced


class Native:
    """Passes the bytes of an event through, undecoded."""

    unfinished = False

    def __init__(self) -> None:
        # Of a cursor, only the middle changes while a reply is running.
        self._turn = self._change = ZERO
        self._before = self._after = b"%d-%d" % ZERO

    def command(self, raw: str) -> Command:
        """Reads a JSON command."""
        return decode_command(raw)

    def notice(self, notice: Notice) -> bytes:
        """Writes every notice."""
        return encode(notice)

    def shown(self, entry: Entry, cursor: Cursor) -> bytes:
        """Writes every event."""
        turn, (epoch, seq), change = cursor
        if turn is not self._turn or change is not self._change:
            self._turn, self._change = turn, change
            self._before, self._after = b"%d-%d" % turn, b"%d-%d" % change
        # `with_cursor`, without the call: this is written for every piece on every socket
        return b'{"cursor":"%b.%d-%d.%b",%b' % (self._before, epoch, seq, self._after, entry.frame[1:])

    def replaced(self, snapshot: Replaced) -> Sequence[bytes]:
        """Writes one `snapshot` event."""
        frame = b'{"type":"snapshot","messages":%b,"name":%b}' % (snapshot.messages, snapshot.name)
        return (with_cursor(frame, str(snapshot.cursor).encode()),)
