"""One connection to Redis: commands in, replies out, pushes to a callback.

Every command of one event-loop tick leaves in one write, and replies resolve in the order of their commands. That is
what makes thousands of callers on one connection cheap: no pool, no lock, one system call for all of them.

A wire lives once. What comes after a loss is for its owner to decide (`Link`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, cast

import hiredis

Word: TypeAlias = str | bytes | int
Command: TypeAlias = tuple[Word, ...] | bytes
"""The words of a command, or all of it as it goes over the wire."""
PushHandler: TypeAlias = Callable[[list[Any]], None]
LossHandler: TypeAlias = Callable[["Wire", str], None]

_pack = cast("Callable[[tuple[Word, ...]], bytes]", hiredis.pack_command)
_Push = hiredis.PushNotification
_PING = _pack(("PING",))
_WRITE_BUFFER = 1 << 20
"""Bytes that may wait in the transport before async callers wait too."""


def prepare(*words: str | None) -> bytes:
    """Packs a command once for many uses: each None is a hole, which takes the length and the bytes of its word.

    `prepare("GET", None) % (3, b"key")` is a whole command.
    """
    form = b"*%d\r\n" % len(words)
    for word in words:
        if word is None:
            form += b"$%d\r\n%b\r\n"
        else:
            form += b"$%d\r\n%b\r\n" % (len(word.encode()), word.encode().replace(b"%", b"%%"))
    return form


class RedisReplyError(Exception):
    """An error that Redis replied. The text is the whole reply, as in `NOGROUP No such key`."""

    @property
    def code(self) -> str:
        """Its first word: `NOGROUP`, `WRONGTYPE`, `ERR`."""
        return str(self).partition(" ")[0]


class _Batch:
    """Replies that resolve one future together."""

    __slots__ = ("future", "replies", "size")

    def __init__(self, future: asyncio.Future[list[Any]], size: int) -> None:
        self.future = future
        self.replies: list[Any] = []
        self.size = size


class _Confirmation:
    """The answer to a (un)subscribe: one push for each channel, or one ordinary error reply for all."""

    __slots__ = ("channels", "future", "kind")

    def __init__(self, future: asyncio.Future[None], kind: bytes, channels: Iterable[str]) -> None:
        self.future = future
        self.kind = kind
        self.channels = {channel.encode() for channel in channels}


_Awaited: TypeAlias = "asyncio.Future[Any] | _Batch | _Confirmation | None"


class Wire(asyncio.Protocol):
    """One connection that speaks RESP3.

    Once it is lost, every unanswered command fails with ConnectionError, and so does every later one. A peer that
    stays silent counts as lost: a reply may take `patience` seconds (noticed at most half of that later), and an idle
    connection is probed with PING.

    Args:
        patience: seconds that Redis may take for a reply; may be changed at any time.
        probe: seconds of silence after which a PING is sent.
        on_push: gets every push that does not confirm a subscription.
        on_lost: is told once, with the reason; not after `close`.
    """

    def __init__(
        self,
        *,
        patience: float = 5.0,
        probe: float = 10.0,
        on_push: PushHandler | None = None,
        on_lost: LossHandler | None = None,
    ) -> None:
        self.patience = patience
        self._probe = probe
        self._on_push = on_push
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(replyError=RedisReplyError, errors="replace")
        self._awaited: deque[_Awaited] = deque()
        self._outgoing: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._borrowed: object = None
        self._timer: asyncio.TimerHandle | None = None
        self._reason = ""
        self._heard = self._loop.time()
        self._writable = asyncio.Event()
        self._writable.set()
        self._ended: asyncio.Future[None] = self._loop.create_future()

    # The transport's side

    def adopt(self, transport: asyncio.Transport, received: bytes, borrowed: object) -> None:
        """Takes over a connected transport from another protocol, with what that had received and not read.

        `borrowed` is kept as long as the connection lives, because its finalizer would close the transport.
        """
        self._borrowed = borrowed
        transport.set_protocol(self)
        self.connection_made(transport)
        if received:
            self.data_received(received)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins to watch the connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_WRITE_BUFFER)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Resolves what these bytes answer, in order."""
        self._heard = self._loop.time()
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False:
                if type(reply) is _Push:
                    self._pushed(reply)
                else:
                    self._replied(reply)
        except hiredis.ProtocolError as error:
            self.abort(f"it broke the protocol: {error}")

    def _replied(self, reply: Any) -> None:
        if not self._awaited:
            self.abort("it sent a reply that nobody asked for")
            return
        head = self._awaited[0]
        future: asyncio.Future[Any] | None
        if type(head) is _Batch:
            head.replies.append(reply)
            if len(head.replies) < head.size:
                return
            reply, future = head.replies, head.future
        elif type(head) is _Confirmation:
            future = head.future
        else:
            future = cast("asyncio.Future[Any] | None", head)
        self._awaited.popleft()
        if future is None or future.done():
            return  # a probe, or its caller was cancelled: the reply still had its place in the order
        if isinstance(reply, RedisReplyError):
            future.set_exception(reply)
        else:
            future.set_result(reply)

    def _pushed(self, push: list[Any]) -> None:
        head = self._awaited[0] if self._awaited else None
        if type(head) is _Confirmation and push[0] == head.kind and push[1] in head.channels:
            head.channels.remove(push[1])
            if not head.channels:
                self._awaited.popleft()
                if not head.future.done():
                    head.future.set_result(None)
        elif self._on_push is not None:
            self._on_push(push)

    def pause_writing(self) -> None:
        """The peer reads too slowly: async callers wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The peer caught up."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fails everything that waits."""
        reason = self._reason or (str(exc) if exc else "Redis closed the connection")
        self._reason = reason
        self._transport = self._borrowed = None
        if self._timer is not None:
            self._timer.cancel()
        self._outgoing.clear()
        awaited, self._awaited = self._awaited, deque()
        for one in awaited:
            if one is not None:
                _fail(one.future if isinstance(one, _Batch | _Confirmation) else one, reason)
        self._writable.set()
        self._ended.set_result(None)
        if self._on_lost is not None:
            self._on_lost(self, reason)

    # The callers' side

    @property
    def open(self) -> bool:
        """False once it is lost, or about to be."""
        return self._transport is not None and not self._reason

    @property
    def paused(self) -> bool:
        """True while the peer reads more slowly than we write; wait for `writable` before the next command."""
        return not self._writable.is_set()

    async def writable(self) -> None:
        """Returns when there is room for more, or the connection is lost."""
        await self._writable.wait()

    async def ended(self) -> str:
        """Returns when the connection is lost, with the reason."""
        await asyncio.shield(self._ended)
        return self._reason

    def call(self, *command: Word) -> asyncio.Future[Any]:
        """Sends a command; an error reply becomes the future's exception, a RedisReplyError.

        Raises:
            ConnectionError: the connection is lost.
            UnicodeEncodeError: an argument is not text; nothing was sent.
        """
        future: asyncio.Future[Any] = self._loop.create_future()
        self._send(_pack(command), future)
        return future

    def batch(self, commands: Iterable[Command]) -> asyncio.Future[list[Any]]:
        """Sends commands behind each other; error replies stand in their places in the list of replies.

        Raises:
            ConnectionError: the connection is lost.
            UnicodeEncodeError: an argument is not text; nothing was sent.
        """
        packed = [command if isinstance(command, bytes) else _pack(command) for command in commands]
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        if packed:
            self._send(b"".join(packed), _Batch(future, len(packed)))
        else:
            future.set_result([])
        return future

    def subscribe(self, *channels: str) -> asyncio.Future[None]:
        """Subscribes to sharded channels of one slot; resolves when Redis confirmed all, or fails as `call` does."""
        return self._confirmed("SSUBSCRIBE", channels)

    def unsubscribe(self, *channels: str) -> asyncio.Future[None]:
        """Ends subscriptions to sharded channels of one slot."""
        return self._confirmed("SUNSUBSCRIBE", channels)

    def _confirmed(self, command: str, channels: tuple[str, ...]) -> asyncio.Future[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        self._send(_pack((command, *channels)), _Confirmation(future, command.lower().encode(), channels))
        return future

    def _send(self, data: bytes, awaited: _Awaited) -> None:
        if not self.open:
            raise ConnectionError(self._reason or "not connected")
        if not self._awaited:
            self._heard = self._loop.time()
        self._awaited.append(awaited)
        self._outgoing.append(data)
        if len(self._outgoing) == 1:
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._outgoing and self.open:
            assert self._transport is not None
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def _watch(self) -> None:
        silence = self._loop.time() - self._heard
        if self._awaited and silence >= self.patience:
            self.abort(f"no reply for {silence:.1f} s")
            return
        if not self._awaited and silence >= self._probe:
            self._send(_PING, None)
        self._timer = self._loop.call_later(min(self.patience, self._probe) / 2, self._watch)

    def abort(self, reason: str) -> None:
        """Drops the connection at once; what waits fails with this reason."""
        if self.open:
            self._reason = reason
            assert self._transport is not None
            self._transport.abort()

    async def close(self) -> None:
        """Writes what is left, closes, and returns when the connection has ended. Nobody is told of a loss."""
        self._on_lost = self._on_push = None
        if self._transport is not None:
            self._flush()
            self._reason = self._reason or "closed"
            self._transport.close()
            done, _ = await asyncio.wait([self._ended], timeout=1.0)
            if not done and self._transport is not None:
                self._transport.abort()
                await self._ended


def _fail(future: asyncio.Future[Any], reason: str) -> None:
    if not future.done():
        future.set_exception(ConnectionError(f"the connection to Redis was lost: {reason}"))
        future.exception()  # a caller that went away must not leave a warning behind
