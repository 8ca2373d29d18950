"""Keeps a conversation connected: one WebSocket after another, to one server after another.

This file alone knows sockets. It reads events into the conversation and writes what its outbox says is due.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from unbroken.client.backoff import Backoff
from unbroken.client.bell import Bell
from unbroken.client.conversation import Conversation
from unbroken.client.feed import ChatEvent, Disconnected
from unbroken.errors import Closed, MessageRefused, NotAuthenticated, ProtocolViolation, SessionGone, UnbrokenError
from unbroken.protocol import SUBPROTOCOL, CloseCode, Error, Reconnect, SessionReady, decode_event, encode

logger = logging.getLogger(__name__)

PING = 10.0
"""Seconds between pings, and how long each may stay unanswered: a silent death is found within twice that."""
OPEN = 10.0
"""Seconds that a connection may take until `session.ready`."""
CLOSE = 1.0


class Link:
    """Connects, reads, writes, reconnects.

    Args:
        urls: base URLs (http or https) that are tried in turn.
        token: opens the session.
        conversation: what is kept in step with the server.
        bell: rung after every change.
        deliver: is given each event once, after the conversation took it.

    Attributes:
        connected: there is a connection now.
        reason: why the last one ended, or there was none.
        told: which server answered last that it cannot serve now, and why; empty if none did.
    """

    def __init__(
        self,
        urls: Sequence[str],
        token: str,
        conversation: Conversation,
        bell: Bell,
        deliver: Callable[[ChatEvent], None],
    ) -> None:
        self._urls = urls
        self._token = token
        self._conversation = conversation
        self._bell = bell
        self._deliver = deliver
        self._backoff = Backoff(len(urls))
        self._not_before = 0.0
        self.connected = False
        self.reason = "no answer"
        self.told = ""

    async def run(self) -> None:
        """Stays connected. Returns only by raising why no connection will ever be possible again."""
        at = 0
        while True:
            try:
                await self._connection(self._urls[at % len(self._urls)])
            except _Lost as lost:
                at += 1
                self.connected = False
                self.reason = str(lost)
                if lost.told:
                    self.told = f"{self._urls[(at - 1) % len(self._urls)]}: {lost}"
                now = asyncio.get_running_loop().time()
                delay = max(0.0 if lost.planned else self._backoff.next(), self._not_before - now, lost.retry_after)
                logger.debug("connection lost (%s); next try in %.2f s", lost, delay)
                self._deliver(Disconnected(self.reason, delay))
                self._bell.ring()
                await asyncio.sleep(delay)

    async def _connection(self, url: str) -> None:
        cursor = self._conversation.cursor
        address = f"ws{url.removeprefix('http')}/chat" + (f"?cursor={quote(cursor, safe='')}" if cursor else "")
        try:
            async with connect(
                address,
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                additional_headers={"Authorization": f"Bearer {self._token}"},
                compression=None,
                max_size=None,  # a snapshot is as large as the history
                open_timeout=OPEN,
                ping_interval=PING,
                ping_timeout=PING,
                close_timeout=CLOSE,
            ) as socket:
                await self._both_ways(socket)
        except ConnectionClosed as closed:
            raise _closed(closed) from closed
        except InvalidStatus as refused:
            raise self._refused(refused) from refused
        except (OSError, TimeoutError, WebSocketException) as failed:
            raise _Lost(_words(failed)) from failed

    async def _both_ways(self, socket: ClientConnection) -> None:
        if socket.subprotocol != SUBPROTOCOL:
            raise _Lost(f"the server does not speak {SUBPROTOCOL}")
        ready = asyncio.Event()
        tasks = [asyncio.create_task(self._read(socket, ready)), asyncio.create_task(self._write(socket, ready))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await socket.close()
        for task in done:
            task.result()

    async def _read(self, socket: ClientConnection, ready: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(OPEN) as limit:
                while True:
                    raw = await socket.recv(decode=False)
                    try:
                        event = decode_event(raw)
                    except ProtocolViolation as unknown:
                        logger.warning("ignored: %s", unknown)
                        continue
                    if isinstance(event, SessionReady):
                        limit.reschedule(None)
                        self.connected = True
                        ready.set()
                    elif isinstance(event, Reconnect):
                        self._not_before = loop.time() + event.after
                        limit.reschedule(self._not_before)
                    elif isinstance(event, Error) and event.message_id is None and event.retry_after:
                        self._not_before = loop.time() + event.retry_after
                    self._take(event)
        except TimeoutError:
            if ready.is_set():
                raise _Lost("the server is being replaced", planned=True) from None
            raise _Lost("the server does not answer") from None

    def _take(self, event: ChatEvent) -> None:
        conversation = self._conversation
        before = conversation.cursor
        assert not isinstance(event, Disconnected)
        if conversation.receive(event, asyncio.get_running_loop().time()):
            self._deliver(event)
        if conversation.cursor != before:
            self._backoff.reset()
        self._bell.ring()
        if conversation.gone:
            raise conversation.gone

    async def _write(self, socket: ClientConnection, ready: asyncio.Event) -> None:
        """Ends quietly when the connection does: the reader says why."""
        await ready.wait()
        loop = asyncio.get_running_loop()
        try:
            while True:
                changed = self._bell.next
                commands, wake = self._conversation.outbox.due(loop.time())
                for command in commands:
                    await socket.send(encode(command), text=True)
                try:
                    async with asyncio.timeout_at(wake):
                        await changed.wait()
                except TimeoutError:
                    pass
        except ConnectionClosed:
            return

    def _refused(self, refused: InvalidStatus) -> UnbrokenError:
        status, headers = refused.response.status_code, refused.response.headers
        if status in (401, 403) and self._conversation.session is None:
            return NotAuthenticated("this token opens no session; the session may have expired")
        if status in (401, 403, 410):
            return SessionGone()
        after = headers.get("Retry-After", "")
        wait = float(after) if after.isdecimal() else 0.0
        return _Lost(f"the server answered HTTP {status}", retry_after=wait, told=status == 429 or status >= 500)


class _Lost(UnbrokenError):
    """This connection is over; another one may succeed."""

    def __init__(self, reason: str, *, planned: bool = False, retry_after: float = 0.0, told: bool = False) -> None:
        super().__init__(reason)
        self.planned = planned
        self.retry_after = retry_after
        self.told = told


def _closed(closed: ConnectionClosed) -> UnbrokenError:
    if closed.rcvd is None:
        return _Lost("the connection broke")
    code, reason = closed.rcvd.code, closed.rcvd.reason
    match code:
        case CloseCode.SESSION_GONE:
            return SessionGone()
        case CloseCode.POLICY:
            return NotAuthenticated(reason or "the server refused the token")
        case CloseCode.TOO_BIG:
            return MessageRefused(reason or "the message is too long for the server")
        case CloseCode.BAD_COMMAND:
            return ProtocolViolation(reason or "the server refused a command")
    if code == CloseCode.NORMAL or 4000 <= code < 4500:
        return Closed(reason or f"the server ended the connection for good (code {code})")
    return _Lost(
        reason or f"the server closed the connection (code {code})",
        planned=code == CloseCode.RESTART,
        told=code in (CloseCode.INTERNAL, CloseCode.RESTART, CloseCode.TRY_LATER),
    )


def _words(failed: Exception) -> str:
    if isinstance(failed, ConnectionRefusedError) or "Connect call failed" in str(failed):
        return "nobody listens there"
    if isinstance(failed, TimeoutError):
        return "the server does not answer"
    return str(failed) or type(failed).__name__
