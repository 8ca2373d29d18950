"""Somebody who keeps what was sent until it is answered: the client does, and heals what is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from msgspec.structs import replace

from tests.faults.bots import question
from tests.faults.observer import Observer
from tests.faults.replication.books import Book, Losses
from tests.faults.violations import Verdict
from unbroken.client.chat import Chat
from unbroken.client.sent import Sent
from unbroken.protocol import MessageAccepted, ReplyCompleted
from unbroken.types import Message, in_order


class Keeper:
    """Uses the client. A second reader, without mercy, watches every event of the same session.

    Args:
        verdict: where that reader's complaints go.
    """

    def __init__(self, chat: Chat, url: str, verdict: Verdict) -> None:
        self._chat = chat
        self._observer = Observer([url], chat.token, chat.session.id, verdict)
        self._watching = asyncio.create_task(self._observer.run())
        self._sent: list[Sent] = []

    async def say(self, label: str, count: int, pace: float) -> None:
        """Sends a message whose answer counts so far, one number every `pace` seconds."""
        self._sent.append(await self._chat.send(question(label, count, pace), id=label))

    async def settle(self) -> Losses:
        """Waits for all replies, and until both readers show the history. Returns what had to be done again."""
        for sent in self._sent:
            await sent.accepted()
            await sent.reply()
        while self._chat.transcript.running or self._chat.transcript.waiting:
            await asyncio.sleep(0.05)  # what was answered before the failover may be asked again after it
        history = in_order(await self._chat.history())
        assert _said(self._chat.transcript.messages) == _said(history)
        await self._observer.until(lambda watch: _said(watch.sight.messages) == _said(history))
        self._watching.cancel()
        missing = {sent.id for sent in self._sent} - {m.id for m in history}
        return self._book().compare(history)._replace(missing=len(missing))

    def _book(self) -> Book:
        book = Book()
        for visit in self._observer.visits:
            for _, event in visit.frames:
                if isinstance(event, MessageAccepted):
                    book.accepted[event.message.id] = event.message.timestamp
                elif isinstance(event, ReplyCompleted) and event.message.reply_to:
                    book.replies[event.message.reply_to] = event.message.timestamp
        return book


def _said(messages: Iterable[Message]) -> list[Message]:
    """All but the times of replies: one that was committed at the old primary, and again at the new one, has two."""
    return [replace(message, timestamp="") if message.reply_to else message for message in messages]
