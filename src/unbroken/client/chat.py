"""A chat as a program holds it: send, watch, cancel. It stays connected by itself until it is closed."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any, Literal, Self
from urllib.parse import quote
from weakref import WeakSet

import msgspec

from unbroken.client.bell import Bell
from unbroken.client.conversation import Conversation
from unbroken.client.feed import ChatEvent, Disconnected, Feed
from unbroken.client.http import Http, out_of_time
from unbroken.client.link import Link
from unbroken.client.sent import Sent
from unbroken.client.transcript import Transcript
from unbroken.errors import Closed, MessageRefused
from unbroken.protocol import Limits, MessageSend, ReplyDelta, ReplyPart, ReplyStarted, SessionInfo
from unbroken.types import Feedback, Message, Policy, Session


class Chat:
    """One session, seen through whichever server answers. Made by `Client.create` and `Client.attach`.

    A message that was sent stays in memory until its outcome arrives and is sent again, in order and under its id,
    after every reconnect: it is answered exactly once, whatever dies in between. Belongs to one event loop.

    Attributes:
        token: opens this session again, in any process; a secret.
    """

    def __init__(self, urls: Sequence[str], token: str, http: Http) -> None:
        self.token = token
        self._urls = urls
        self._http = http
        self._conversation = Conversation()
        self._bell = Bell()
        self._link = Link(urls, token, self._conversation, self._bell, self._deliver)
        self._feeds: WeakSet[Feed] = WeakSet()
        self._sent: dict[str, Sent] = {}
        self._over: Exception | None = None
        self._task = asyncio.create_task(self._run(), name="unbroken chat")

    @property
    def session(self) -> SessionInfo:
        """Id, name and start of the session, and which bot answers."""
        assert self._conversation.session is not None
        return self._conversation.session

    @property
    def limits(self) -> Limits:
        """What the server accepts."""
        assert self._conversation.limits is not None
        return self._conversation.limits

    @property
    def transcript(self) -> Transcript:
        """Messages and the running reply as of now. Never changes: ask again for news."""
        return self._conversation.transcript

    @property
    def connected(self) -> bool:
        """Whether there is a connection at this moment. Nothing needs to be done if not."""
        return self._link.connected

    @property
    def over(self) -> bool:
        """Whether this chat was closed, or its session ended: it will never be connected again."""
        return self._over is not None

    @property
    def unanswered(self) -> list[Sent]:
        """What was sent here and has no outcome yet, in order."""
        return list(self._sent.values())

    async def send(
        self,
        text: str,
        id: str | None = None,  # noqa: A002 - the protocol's word
        replaces: str | None = None,
        *,
        answers: str | None = None,
        policy: Policy | None = None,
    ) -> Sent:
        """Sends a message. Returns at once, also without a connection; the handle tells the rest.

        Args:
            text: the message.
            id: the message id, 1 to 128 characters; made up if not given. The same id is answered only once, so a
                program that stores it may send the same message again after its own crash.
            replaces: an earlier message that this one stands for in view: the same text for another reply, or
                another text. The history keeps both.
            answers: the reply whose question this message answers; refused with `NotWaiting` if that is not open. `-`:
                none. Without it, a message answers the open question if there is one: `transcript.open_question`.
            policy: what becomes of a reply that is running: `queue` (this message waits), `interrupt` (everything
                before it is stopped), `merge` (one reply answers all of them), `reject` (this one is refused with
                `InboxFull`). Without it, the bot's settings say.

        Raises:
            MessageRefused: the message is too long or holds half a character.
            SessionGone, Closed: this chat is over.
        """
        self._check()
        message_id = id or uuid.uuid4().hex
        if known := self._sent.get(message_id):
            return known
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise MessageRefused("the message holds half a character (a lone surrogate)") from None
        if size > self.limits.message_bytes:
            raise MessageRefused(f"the message has {size} bytes; at most {self.limits.message_bytes} are allowed")
        self._conversation.send(MessageSend(message_id, text, replaces, answers, policy))
        sent = Sent(message_id, text, self._conversation, self._bell, self._check)
        if message_id in self._conversation.outbox:
            self._sent[message_id] = sent
            self._bell.ring()
        return sent

    async def cancel(self, message_id: str) -> None:
        """Asks to stop the reply to a message, running or still waiting, whoever sent it.

        Does not wait for it. The outcome says what came of it: a reply that was finished first stays completed. The
        request survives reconnects.

        Raises:
            SessionGone, Closed: this chat is over.
        """
        self._check()
        if self.transcript.outcome(message_id) is None:
            self._conversation.outbox.cancel(message_id)
            self._bell.ring()

    async def edit(self, message_id: str, text: str) -> None:
        """Gives a message that still waits another text, at its place in the order.

        Raises:
            NotWaiting: its reply began, or it was stopped.
            Refused: the text is refused, or there is no such message.
            Unavailable: no server answers.
        """
        await self._change("PATCH", f"/messages/{_quoted(message_id)}", {"text": text})

    async def withdraw(self, message_id: str) -> None:
        """Takes back a message that still waits. Raises what `edit` raises."""
        await self._change("DELETE", f"/messages/{_quoted(message_id)}")

    async def send_now(self, message_id: str) -> None:
        """Makes a message that still waits the next one and stops the running reply. Raises what `edit` raises."""
        await self._change("POST", f"/messages/{_quoted(message_id)}/send_now")

    async def feedback(self, reply_id: str, value: Feedback | None) -> None:
        """Stores a verdict with a committed reply; None takes it back. Raises what `edit` raises."""
        await self._change("PUT", f"/messages/{_quoted(reply_id)}/feedback", {"value": value})

    async def rename(self, name: str) -> None:
        """Gives the session another name.

        Raises:
            MessageRefused: it is no name.
            Unavailable: no server answers.
        """
        await self._change("PATCH", "", {"name": name})

    async def delete(self) -> None:
        """Removes the session with its whole history, whatever runs. This chat is over then.

        Raises:
            Unavailable: no server answers.
        """
        await self._change("DELETE", "")

    async def export(self, format: Literal["markdown", "json"] = "markdown") -> str:  # noqa: A002 - the API's word
        """The whole session as one document.

        Raises:
            SessionGone: the session expired.
            Unavailable: no server answers.
        """
        return (await self._request("GET", f"/export?format={format}")).decode()

    async def _change(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        self._check()
        await self._request(method, path, body)

    async def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        return await self._http.request(method, f"/sessions/{self.session.id}{path}", self.token, body=body)

    def events(self) -> Feed:
        """Everything that happens in the session, also what others type: each event once, in order.

        Begins with a snapshot of what is known now, taken at this call. See `Feed`.
        """
        feed = Feed(self._conversation, self._bell, self._check)
        self._feeds.add(feed)
        return feed

    async def history(self) -> list[Message]:
        """Reads all stored messages from the server.

        Raises:
            SessionGone: the session expired.
            Unavailable: no server answers.
        """
        return msgspec.json.decode(await self._request("GET", ""), type=Session).messages

    async def close(self) -> None:
        """Disconnects. The session lives on; messages that the server already has are answered all the same."""
        self._over = self._over or Closed("this chat is closed")
        self._task.cancel()
        await asyncio.wait([self._task])
        self._bell.ring()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def opened(self, timeout: float) -> None:
        """Waits for the first snapshot; closes the chat if it does not come. `Client` has called it already.

        Raises:
            NotAuthenticated: the token opens no session.
            Unavailable: those that answered could not open it within `timeout` seconds.
            Unreachable: none answered until then.
        """
        try:
            async with asyncio.timeout(timeout):
                while not self._conversation.cursor:
                    self._check()
                    await self._bell.wait()
        except TimeoutError:
            await self.close()
            raise out_of_time(self._urls, self._link.reason, self._link.told) from None
        except BaseException:
            await self.close()
            raise

    async def _run(self) -> None:
        try:
            await self._link.run()
        except Exception as error:
            self._over = self._over or error
            self._bell.ring()

    def _check(self) -> None:
        if self._over is not None:
            raise self._over

    def _deliver(self, event: ChatEvent) -> None:
        for feed in self._feeds:
            feed.put(event)
        if not isinstance(event, (ReplyDelta, ReplyPart, ReplyStarted, Disconnected)):
            for sent in list(self._sent.values()):
                if sent.refresh():
                    del self._sent[sent.id]


def _quoted(message_id: str) -> str:
    return quote(message_id, safe="")
