"""One client's WebSocket conversation, Sans-I/O: what came in goes in, what is to be done comes out.

Nothing here knows a socket, Redis or a clock, nor which dialect is spoken.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from unbroken.cursor import Cursor
from unbroken.errors import ProtocolViolation, Refused, SessionGone, Unavailable
from unbroken.log import Entry
from unbroken.protocol import (
    CloseCode,
    Command,
    MessageAcknowledged,
    MessageSend,
    Reconnect,
    Resume,
    SessionReady,
    SessionRename,
)
from unbroken.server.dialects import Notice, SocketDialect, translate
from unbroken.server.notices import internal, told
from unbroken.server.viewer import Item


class Close(NamedTuple):
    """Close the socket; nothing follows."""

    code: CloseCode
    reason: str


Action: TypeAlias = bytes | Command | Close
"""A frame to send, a command to carry out, or the end. Actions are to be done in their order."""


class Connection:
    """The conversation's state: whether it was closed, and what leaving it waits for.

    Every method returns the actions that follow. After a `Close` was returned, every method returns none.

    Args:
        dialect: the language of this client.
        violations: how many commands in a row may be no commands before the socket is closed.
    """

    def __init__(self, dialect: SocketDialect, violations: int) -> None:
        self._dialect = dialect
        self._limit = violations
        self._violations = 0
        self._acknowledges = False
        self._leaving = False
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the end was decided."""
        return self._closed

    def opened(self, ready: SessionReady) -> list[Action]:
        """The socket was accepted."""
        self._acknowledges = ready.acknowledges
        return self._say(ready)

    def received(self, data: str | bytes) -> list[Action]:
        """A frame came: text as str, binary as bytes."""
        if self._closed:
            return []
        try:
            if isinstance(data, bytes):
                raise ProtocolViolation("send text frames; binary ones mean nothing here")
            command = self._dialect.command(data)
        except ProtocolViolation as violation:
            self._violations += 1
            if self._violations >= self._limit:
                return self._end(CloseCode.BAD_COMMAND, "too many frames that are no commands", told(violation))
            return self._say(told(violation))
        self._violations = 0
        return [command]

    def done(self, command: Command) -> list[Action]:
        """A command was carried out. Whoever waits for replicas is told; all else shows as an event."""
        if self._acknowledges and isinstance(command, MessageSend):
            return self._say(MessageAcknowledged(command.id))
        return []

    def failed(self, command: Command, error: Refused | Unavailable) -> list[Action]:
        """A command could not be carried out."""
        match command:
            case MessageSend(id=message_id):
                notice = told(error, message_id)
            case Resume() | SessionRename():
                notice = told(error)
            case _:
                notice = told(error, command.message_id)
        if isinstance(error, SessionGone):
            return self._end(CloseCode.SESSION_GONE, "session gone", notice)
        return self._say(notice)

    def shown(self, items: Iterable[Item]) -> list[Action]:
        """These events are next."""
        actions: list[Action] = [] if self._closed else [*translate(self._dialect, items)]
        return actions + self._leave() if self._leaving else actions

    def frame(self, entry: Entry, cursor: Cursor) -> bytes | None:
        """The same, for one event and a client that is not leaving."""
        return None if self._closed else self._dialect.shown(entry, cursor)

    def gone(self) -> list[Action]:
        """The session expired or was deleted."""
        return self._end(CloseCode.SESSION_GONE, "session gone", told(SessionGone()))

    def drain(self, after: float) -> list[Action]:
        """The server is about to stop: a client that can resume leaves now, another one after its reply."""
        self._leaving = True
        return self._say(Reconnect(after)) + self._leave()

    def stalled(self) -> list[Action]:
        """The client did not take a byte for too long."""
        return self._end(CloseCode.SLOW_CONSUMER, "the client reads too slowly")

    def crashed(self, reference: str) -> list[Action]:
        """A defect, which the log tells about under this reference."""
        return self._end(CloseCode.INTERNAL, f"internal error {reference}", internal(reference))

    def _leave(self) -> list[Action]:
        return [] if self._dialect.unfinished else self._end(CloseCode.RESTART, "the server is being replaced")

    def _say(self, notice: Notice) -> list[Action]:
        frame = None if self._closed else self._dialect.notice(notice)
        return [] if frame is None else [frame]

    def _end(self, code: CloseCode, reason: str, notice: Notice | None = None) -> list[Action]:
        if self._closed:
            return []
        said = self._say(notice) if notice is not None else []
        self._closed = True
        return [*said, Close(code, reason)]
