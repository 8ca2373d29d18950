"""A message on its way: accepted, then answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Self

from unbroken.client.bell import Bell
from unbroken.client.conversation import Conversation
from unbroken.errors import Refused
from unbroken.types import Message


class Delta(str):
    """A piece of a reply. If `restart` is true, it replaces everything before it instead of continuing it."""

    __slots__ = ("restart",)
    restart: bool

    def __new__(cls, text: str, *, restart: bool = False) -> Self:
        """Makes a piece."""
        piece = super().__new__(cls, text)
        piece.restart = restart
        return piece


class Sent:
    """A message that was handed to a chat. It survives reconnects; nothing needs to be called to get it delivered.

    `async for piece in sent` streams the reply: joined from the last `restart` on, the pieces are exactly the text of
    `reply()`. Every method and iterator may be used any number of times, also after the reply ended.

    Attributes:
        id: the message id.
        text: what was sent.
        refused: why the server refused the message for good, or None.
    """

    def __init__(self, message_id: str, text: str, conversation: Conversation, bell: Bell, check: Callable[[], None]):
        self.id = message_id
        self.text = text
        self._conversation = conversation
        self._bell = bell
        self._check = check
        self._question: Message | None = None
        self._outcome: Message | None = None
        self.refused: Refused | None = None
        self.refresh()

    def refresh(self) -> bool:
        """Takes over what the transcript knows by now; returns whether nothing more can come."""
        transcript = self._conversation.transcript
        self._outcome = self._outcome or transcript.outcome(self.id)
        if self._question is None and (self._outcome or self._conversation.outbox.safe(self.id)):
            self._question = transcript.question(self.id)
        self.refused = self.refused or self._conversation.refused.pop(self.id, None)
        return self._outcome is not None or self.refused is not None

    async def accepted(self) -> Message:
        """Waits until the message is stored, as safely as the server's `ack` says: it gets exactly one outcome.

        Raises:
            Refused: it was refused for good; nothing was stored. `SessionGone` if its session is.
            Closed: the chat was closed before.
        """
        while self._question is None:
            await self._change()
        return self._question

    async def reply(self) -> Message:
        """Waits for the outcome. `status` says whether it was completed, failed or cancelled.

        Raises:
            Refused: it was refused for good. `SessionGone` if its session is.
            Closed: the chat was closed before.
        """
        while self._outcome is None:
            await self._change()
        return self._outcome

    async def __aiter__(self) -> AsyncIterator[Delta]:
        shown = ""
        while True:
            text, ended = self._said(shown), self._outcome is not None
            if text == shown and ended:
                return
            if text == shown:
                await self._change()
            elif text.startswith(shown):
                piece, shown = Delta(text[len(shown) :]), text
                yield piece
            else:
                shown = text
                yield Delta(text, restart=True)

    def _said(self, shown: str) -> str:
        """The text so far; while no attempt runs, what was shown stands."""
        if self._outcome is not None:
            return self._outcome.msg
        running = self._conversation.transcript.running
        return running.text if running and running.message_id == self.id else shown

    async def _change(self) -> None:
        if self.refused is not None:
            raise self.refused
        self._check()
        await self._bell.wait()
