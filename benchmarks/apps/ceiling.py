"""A server that does nothing but send what was prepared, many frames in one write: what the load generator can take.

`python -m benchmarks.apps.ceiling <port>`
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import sys
import time
from typing import cast

import uvloop

from benchmarks.bot import CHUNK, END, STAMP

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(rb"^sec-websocket-key: *(\S+)\r$", re.IGNORECASE | re.MULTILINE)
_FINAL_TEXT = 0x81


def frame(text: str) -> bytes:
    """A short text as a frame."""
    return bytes((_FINAL_TEXT, len(text))) + text.encode()


class Flood(asyncio.Protocol):
    """Answers every question with the whole reply at once. Reads only questions that come in one piece."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Waits for the handshake."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """The handshake, a question, or somebody who asks whether it is there."""
        if self._open:
            if data[0] == _FINAL_TEXT:
                self._answer(int(data[6:].split()[0]))
        elif key := _KEY.search(data):
            accept = base64.b64encode(hashlib.sha1(key[1] + _GUID).digest())  # noqa: S324 (RFC 6455)
            self._transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            self._open = True
        else:
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self._transport.close()

    def _answer(self, chunks: int) -> None:
        first = frame(f"{STAMP}{time.monotonic() * 1e6:.0f}{END}")
        self._transport.write(first + frame(CHUNK) * (chunks - 1) + frame("END"))


async def main(port: int) -> None:
    """Serves for ever."""
    server = await asyncio.get_running_loop().create_server(Flood, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
