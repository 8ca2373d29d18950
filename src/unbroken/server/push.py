"""Writing to a WebSocket at once: uvicorn's own protocol, with a door for the application.

ASGI's `send` is a coroutine: a live event would have to wake a task to leave. This door writes text frames to the
transport synchronously, and shows what `send` hides: whether the client reads at all. It is offered as an ASGI
extension; under another server the application does without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, cast

from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "unbroken.push"


class _Inbox:
    """What uvicorn needs of an `asyncio.Queue`: one reader, and hardly ever more than one message.

    For an idle socket that one would keep three deques, each with room for 64.
    """

    __slots__ = ("_loop", "_messages", "_reader")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._messages: list[ASGIReceiveEvent] = []
        self._reader: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        return not self._messages

    def put_nowait(self, message: ASGIReceiveEvent) -> None:
        self._messages.append(message)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> ASGIReceiveEvent:
        while not self._messages:
            self._reader = self._loop.create_future()
            await self._reader
        return self._messages.pop(0)


class PushProtocol(WebSocketsSansIOProtocol):
    """uvicorn's Sans-I/O protocol. Frames go out uncompressed, so compression has to be off."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins, with an inbox of our own."""
        self.queue = cast("asyncio.Queue[ASGIReceiveEvent]", _Inbox(self.loop))
        super().connection_made(transport)

    def run_asgi(self) -> Coroutine[Any, Any, None]:
        """Runs the application, with the door in its scope."""
        cast("dict[str, Any]", self.scope["extensions"])[EXTENSION] = self
        return super().run_asgi()

    def shutdown(self) -> None:
        """Ends the connection with its server. A handshake under way is left to the application, which refuses it.

        uvicorn would answer it with 500, as if something were broken.
        """
        if self.handshake_complete:
            super().shutdown()

    def forget_handshake(self) -> None:
        """Lets go of what uvicorn keeps of an accepted handshake."""
        del self.request, self.response

    @property
    def over(self) -> bool:
        """Whether nothing can be written any more."""
        return self.disconnected or self.close_sent

    @property
    def clear(self) -> bool:
        """Whether the client is there, and has read what came before."""
        return self.writable.is_set() and not (self.disconnected or self.close_sent)

    def push_one(self, frame: bytes) -> None:
        """Writes a text frame; only while the way is `clear`."""
        self.transport.write(_header(len(frame)) + frame)

    def push(self, frames: Sequence[bytes]) -> bool:
        """Writes text frames, in one piece. False: nothing was written, the client has to read first, or is gone."""
        if not self.clear:
            return False
        parts = []
        for frame in frames:
            parts.append(_header(len(frame)))
            parts.append(frame)
        self.transport.write(b"".join(parts))
        return True

    async def room(self, stall: float) -> None:
        """Waits until the client has read enough for more, or is gone.

        Raises:
            TimeoutError: it did not take a single byte for `stall` seconds.
        """
        while not (self.over or self.writable.is_set()):
            before = self.transport.get_write_buffer_size()
            try:
                async with asyncio.timeout(stall):
                    await self.writable.wait()
            except TimeoutError:
                if self.transport.get_write_buffer_size() >= before:
                    raise

    def give_up(self, code: int, reason: str) -> None:
        """Closes behind what the client has not read, without waiting for it."""
        if self.over:
            return
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})


_SMALL = tuple(b"\x81" + bytes((size,)) for size in range(126))


def _header(size: int) -> bytes:
    """The header of an unmasked text frame that is a whole message (RFC 6455, 5.2)."""
    if size < 126:
        return _SMALL[size]
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big")
    return b"\x81\x7f" + size.to_bytes(8, "big")
