"""What a process remembers of the conversations that it answered last, so that they need not be read for each message.

Redis decides whether a memory is right: it is of one commit and one change, and as long as these are the newest of a
session, nothing can have come behind them that a bot is told but the message itself.
"""

from __future__ import annotations

from typing import NamedTuple

from unbroken.cursor import StreamId
from unbroken.types import Message

BYTES = 32 * 1024 * 1024
"""Bytes that all that is remembered takes, about."""

_EACH = 1000
"""Bytes that a session takes beside its messages."""


class Known(NamedTuple):
    """A conversation right behind the commit of a reply.

    Attributes:
        epoch: of the commit.
        change: the newest change of what was accepted or committed before.
        name: of the session.
        bot: its bot.
        messages: the newest, as a bot is told them, oldest first; never handed out, because it is not known what a bot
            does to the arguments of a tool in them.
        sizes: bytes of each of them, about.
        context: there are no more before them, or so many of them.
    """

    epoch: int
    change: StreamId
    name: str
    bot: str
    messages: tuple[Message, ...]
    sizes: tuple[int, ...]
    context: int

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        return _EACH + sum(self.sizes)


class Recall:
    """The conversations of the sessions that were answered last, within bounded memory.

    Args:
        size: bytes of all together, above which those are forgotten that were answered longest ago.
    """

    def __init__(self, size: int = BYTES) -> None:
        self._limit = size
        self._size = 0
        self._known: dict[str, Known] = {}

    def pop(self, session: str) -> Known | None:
        """What is known of a session, and forgets it: the next commit makes it old."""
        known = self._known.pop(session, None)
        if known is not None:
            self._size -= known.size
        return known

    def keep(self, session: str, known: Known) -> None:
        """Remembers a conversation, and forgets others for it."""
        self.pop(session)
        self._known[session] = known
        self._size += known.size
        while self._size > self._limit:
            self.pop(next(iter(self._known)))
