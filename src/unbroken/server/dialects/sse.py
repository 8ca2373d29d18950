"""Server-sent events: the cursor as `id`, the event's type as `event`, its JSON as `data`."""

from __future__ import annotations

from collections.abc import Sequence

from unbroken.cursor import Cursor
from unbroken.log import Entry
from unbroken.protocol import Reconnect, encode
from unbroken.server.dialects import Notice
from unbroken.server.viewer import Replaced

KEEP_ALIVE = b": keep-alive\n\n"

_TYPE = len(b'{"type":"')


def retry(after: float) -> bytes:
    """Tells the client how many seconds to wait before it connects again."""
    return b"retry: %d\n\n" % round(after * 1000)


class Sse:
    """Wraps the bytes of an event, undecoded. JSON here never holds a raw line break."""

    def notice(self, notice: Notice) -> bytes:
        """Writes a notice as an event without id; a reconnect is the format's own `retry`."""
        if isinstance(notice, Reconnect):
            return retry(notice.after)
        return _event(encode(notice))

    def shown(self, entry: Entry, cursor: Cursor) -> bytes:
        """Writes every event."""
        return b"id: %b\n%b" % (str(cursor).encode(), _event(entry.frame))

    def replaced(self, snapshot: Replaced) -> Sequence[bytes]:
        """Writes one `snapshot` event."""
        frame = _event(b'{"type":"snapshot","messages":%b,"name":%b}' % (snapshot.messages, snapshot.name))
        return (b"id: %b\n%b" % (str(snapshot.cursor).encode(), frame),)


def _event(frame: bytes) -> bytes:
    # Every event is encoded with its type first, so the type needs no decoding.
    return b"event: %b\ndata: %b\n\n" % (frame[_TYPE : frame.index(b'"', _TYPE)], frame)
