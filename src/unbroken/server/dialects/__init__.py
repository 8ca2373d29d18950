"""How each kind of client reads the one event log: one file each, translation and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias

from unbroken.cursor import Cursor
from unbroken.log import Entry
from unbroken.protocol import Command, Error, MessageAcknowledged, Reconnect, SessionReady
from unbroken.server.viewer import Item, Replaced, Shown

Notice: TypeAlias = SessionReady | MessageAcknowledged | Error | Reconnect
"""What is said to one connection only, and was never logged."""


PORTION = 65_536
"""About how many bytes are written before looking again whether the client still reads."""


class Dialect(Protocol):
    """Translates events into frames of bytes. One object for each connection: it may remember what it said."""

    def notice(self, notice: Notice) -> bytes | None:
        """A notice as a frame, or None if this dialect has no word for it."""

    def shown(self, entry: Entry, cursor: Cursor) -> bytes | None:
        """The next event as a frame, or None if this dialect does not show it."""

    def replaced(self, snapshot: Replaced) -> Sequence[bytes]:
        """A snapshot as frames."""


class SocketDialect(Dialect, Protocol):
    """A dialect of a WebSocket, which also listens."""

    def command(self, raw: str) -> Command:
        """Reads what the client sent.

        Raises:
            ProtocolViolation: it means nothing.
        """

    @property
    def unfinished(self) -> bool:
        """Whether this client waits for a reply that it could not find again on another connection."""


def translate(dialect: Dialect, items: Iterable[Item]) -> list[bytes]:
    """Translates what is next for a client into frames."""
    frames: list[bytes] = []
    for item in items:
        if isinstance(item, Shown):
            frame = dialect.shown(item.entry, item.cursor)
            if frame is not None:
                frames.append(frame)
        else:
            frames += dialect.replaced(item)
    return frames


def portions(frames: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Cuts frames into runs of about `PORTION` bytes: nearly always one."""
    start = size = 0
    for end, frame in enumerate(frames, 1):
        size += len(frame)
        if size >= PORTION or end == len(frames):
            yield frames[start:end]
            start, size = end, 0
