"""What `Chat.events()` returns: everything that happens, once, in order, for one reader."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import msgspec

from unbroken.client.bell import Bell
from unbroken.client.conversation import Conversation
from unbroken.errors import Closed
from unbroken.protocol import Event

BACKLOG = 10_000
"""Events that may wait for a slow reader; past it they are replaced by a snapshot."""


class Disconnected(msgspec.Struct, frozen=True, tag="client.disconnected"):
    """The connection was lost. The client's own event: `session.ready` follows when there is one again.

    Attributes:
        reason: why, in words.
        retry_after: seconds until the next try.
    """

    reason: str
    retry_after: float


ChatEvent: TypeAlias = Event | Disconnected


class Feed(AsyncIterator[ChatEvent]):
    """An endless iterator over the events of a chat.

    It begins with a snapshot of what the chat holds now. Every later event comes once and in order; a further
    snapshot says that everything before it is to be forgotten. A reader that falls `BACKLOG` events behind gets such a
    snapshot too, so that memory stays bounded. Ends when the chat is closed; raises what ended the chat otherwise.
    """

    def __init__(self, conversation: Conversation, bell: Bell, check: Callable[[], None]) -> None:
        self._conversation = conversation
        self._bell = bell
        self._check = check
        self._waiting: deque[ChatEvent] = deque()
        self._begin()

    def _begin(self) -> None:
        self._waiting.clear()
        self._waiting.extend(self._conversation.transcript.replay(self._conversation.cursor))

    def put(self, event: ChatEvent) -> None:
        """Takes an event that the conversation has applied already."""
        if len(self._waiting) >= BACKLOG:
            self._begin()
        else:
            self._waiting.append(event)

    async def __anext__(self) -> ChatEvent:
        while not self._waiting:
            try:
                self._check()
            except Closed:
                raise StopAsyncIteration from None
            await self._bell.wait()
        return self._waiting.popleft()
