"""The client's half of a WebSocket, as little of it as a load generator needs.

It reads frames where they lie in the buffer, and masks with zeros, which leaves a payload as it is. Messages in
fragments, which no contender sends, end the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast

TEXT, CLOSE, PING = 0x1, 0x8, 0x9
_FINAL_TEXT, _MASKED = 0x81, 0x80
_NO_MASK = bytes(4)
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class WebSocket(asyncio.Protocol):
    """One connection. Subclasses say what a text means."""

    def __init__(self, host: str, path: str, protocols: Iterable[str] = ()) -> None:
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {_KEY}",
        ]
        if offered := ", ".join(protocols):
            lines.append(f"Sec-WebSocket-Protocol: {offered}")
        self._request = "\r\n".join([*lines, "\r\n"]).encode()
        self._rest = b""
        self._open = False
        self._closing = False
        self.transport: asyncio.Transport

    def opened(self) -> None:
        """The handshake is done."""

    def text(self, payload: bytes) -> None:
        """A text came."""
        raise NotImplementedError

    def lost(self, reason: str) -> None:
        """It is over, though nobody here closed it."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends it at once."""
        self._closing = True
        self.transport.abort()

    def fail(self, reason: str) -> None:
        """Ends it at once, as lost."""
        if not self._closing:
            self.close()
            self.lost(reason)

    def send(self, payload: bytes) -> None:
        """Sends a text."""
        self._frame(TEXT, payload)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the handshake."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends."""
        self.fail(f"the connection was lost: {exc}")

    def data_received(self, data: bytes) -> None:
        """Reads what is complete, and keeps the rest."""
        if self._rest:
            data = self._rest + data
        if not self._open:
            data = self._handshake(data)
            if not self._open:
                self._rest = data
                return
        position, end = 0, len(data)
        while end - position >= 2:
            size, start = data[position + 1], position + 2
            if size > 125:
                start += 2 if size == 126 else 8
                if end < start:
                    break
                size = int.from_bytes(data[position + 2 : start], "big")
            if end - start < size:
                break
            if data[position] == _FINAL_TEXT:
                self.text(data[start : start + size])
            else:
                self._other(data[position], data[start : start + size])
            position = start + size
        self._rest = data[position:]

    def _handshake(self, data: bytes) -> bytes:
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            return data
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            self.fail(f"the handshake was refused: {data[:300].decode(errors='replace')}")
            return b""
        self._open = True
        self.opened()
        return rest

    def _other(self, first: int, payload: bytes) -> None:
        if first == 0x80 | PING:
            self._frame(0xA, payload)
        elif first == 0x80 | CLOSE:
            self.fail(f"closed by the server: {int.from_bytes(payload[:2], 'big')} {payload[2:].decode()}")
        elif first != 0x80 | 0xA:
            self.fail(f"a frame that is not understood: {first:#x}")

    def _frame(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        header = bytes((0x80 | opcode, _MASKED | size)) if size < 126 else None
        if header is None:
            header = bytes((0x80 | opcode, _MASKED | 126)) + size.to_bytes(2, "big")
        self.transport.write(header + _NO_MASK + payload)
