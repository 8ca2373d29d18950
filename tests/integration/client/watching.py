"""What a chat showed, for tests to compare."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tests.integration.client.memory import reply_to
from unbroken.client import Chat, ChatEvent, Delta, Disconnected
from unbroken.protocol import Error, ReplyCompleted, SessionReady, Snapshot


async def seen(chat: Chat, outcomes: int) -> list[ChatEvent]:
    """Everything that the chat shows until so many replies are complete."""
    events: list[ChatEvent] = []
    async for event in chat.events():
        events.append(event)
        outcomes -= isinstance(event, ReplyCompleted)
        if not outcomes:
            break
    return events


def logged(events: list[ChatEvent]) -> list[ChatEvent]:
    return [e for e in events if not isinstance(e, (SessionReady, Snapshot, Disconnected, Error))]


def text_of(pieces: list[Delta]) -> str:
    """What a reader sees at the end."""
    begin = max((at for at, piece in enumerate(pieces) if piece.restart), default=0)
    return "".join(pieces[begin:])


def joined(text: str) -> str:
    return "".join(reply_to(text))


async def drain(feed: AsyncIterator[ChatEvent]) -> None:
    async for _ in feed:
        pass
