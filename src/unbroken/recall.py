"""What a process remembers of the conversations that it answered last, so that they need not be read for each message.

Redis decides whether a memory is right: it is of one commit and one change, and as long as these are the newest of a
session, nothing but waiting messages can have come behind them.
"""

from __future__ import annotations

from typing import NamedTuple

from unbroken.cursor import StreamId
from unbroken.types import Message

BYTES = 16 * 1024 * 1024
"""Bytes of JSON that the remembered messages had, at most, of all sessions together."""


class Known(NamedTuple):
    """A conversation right behind the commit of a reply.

    Attributes:
        epoch: of the commit.
        change: the newest change of what was accepted or committed before.
        name: of the session.
        bot: its bot.
        messages: the newest, as a bot is told them, oldest first; never handed out, because it is not known what a bot
            does to the arguments of a tool in them.
        sizes: bytes of each of them.
        context: there are no more before them, or so many of them.
    """

    epoch: int
    change: StreamId
    name: str
    bot: str
    messages: tuple[Message, ...]
    sizes: tuple[int, ...]
    context: int


class Recall:
    """The conversations of the sessions that were answered last, within bounded memory.

    Args:
        size: bytes of all messages together, above which those are forgotten that were not asked for longest.
    """

    def __init__(self, size: int = BYTES) -> None:
        self._limit = size
        self._size = 0
        self._known: dict[str, Known] = {}

    def pop(self, session: str) -> Known | None:
        """What is known of a session, and forgets it: the next commit makes it old."""
        known = self._known.pop(session, None)
        if known is not None:
            self._size -= sum(known.sizes)
        return known

    def keep(self, session: str, known: Known) -> None:
        """Remembers a conversation, and forgets others for it."""
        self.pop(session)
        self._known[session] = known
        self._size += sum(known.sizes)
        while self._size > self._limit:
            self.pop(next(iter(self._known)))
