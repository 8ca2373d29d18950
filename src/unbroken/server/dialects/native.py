"""`unbroken.v1`: JSON events, as they were logged, with their cursor in front."""

from __future__ import annotations

from collections.abc import Sequence

from unbroken.cursor import Cursor
from unbroken.log import Entry
from unbroken.protocol import Command, decode_command, encode, with_cursor
from unbroken.server.dialects import Notice


class Native:
    """Passes the bytes of an event through, undecoded."""

    unfinished = False

    def command(self, raw: str) -> Command:
        """Reads a JSON command."""
        return decode_command(raw)

    def notice(self, notice: Notice) -> bytes:
        """Writes every notice."""
        return encode(notice)

    def shown(self, entry: Entry, cursor: Cursor) -> bytes:
        """Writes every event."""
        return with_cursor(entry.frame, str(cursor))

    def replaced(self, messages: bytes, cursor: Cursor) -> Sequence[bytes]:
        """Writes one `snapshot` event."""
        return (with_cursor(b'{"type":"snapshot","messages":%b}' % messages, str(cursor)),)
