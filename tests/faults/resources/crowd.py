"""Thousands of clients in one light process: each shakes hands, answers pings, counts what it is sent, and stays.

Run as `python crowd.py <host> <port>` with one token on each line of stdin. Prints `open <clients>` when all are in,
then `closed <count> <code>` for each close code once all of them are gone.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections import Counter
from typing import cast

import uvloop

AT_ONCE = 100
"""Handshakes under way at the same time."""

PER_ADDRESS = 20_000
"""Connections from one address of the loopback: fewer than it has ports."""


class Member(asyncio.Protocol):
    """One client. It speaks just enough of RFC 6455 to be left alone."""

    __slots__ = ("_buffer", "_transport", "closed", "inside")

    def __init__(self, closed: asyncio.Queue[int]) -> None:
        self.closed = closed
        self.inside: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def enter(self, host: str, token: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET /chat HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Protocol: unbroken.v1, unbroken.token.{token}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self.inside is not None:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.inside.set_exception(ConnectionError(head.decode()))
                return
            self.inside.set_result(None)
            self.inside = None
            self._buffer = rest
        while len(self._buffer) > 1:
            size, start = self._buffer[1], 2
            if size > 125:
                width = 2 if size == 126 else 8
                size, start = int.from_bytes(self._buffer[2 : 2 + width], "big"), 2 + width
            if len(self._buffer) < start + size:
                return
            self._frame(self._buffer[0] & 15, self._buffer[start : start + size])
            self._buffer = self._buffer[start + size :]

    def _frame(self, kind: int, payload: bytes) -> None:
        if kind == 9:  # ping; the mask of the answer is four zeros
            self._transport.write(bytes((0x8A, 0x80 | len(payload))) + bytes(4) + payload)
        elif kind == 8:
            self._transport.write(bytes((0x88, 0x82)) + bytes(4) + payload[:2])
            self.closed.put_nowait(int.from_bytes(payload[:2], "big"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.inside is not None and not self.inside.done():
            self.inside.set_exception(ConnectionError("closed in the handshake"))


async def main(host: str, port: int, tokens: list[str]) -> None:
    loop = asyncio.get_running_loop()
    closed: asyncio.Queue[int] = asyncio.Queue()
    free = asyncio.Semaphore(AT_ONCE)

    async def join(number: int, token: str) -> None:
        async with free:
            source = f"127.0.0.{2 + number // PER_ADDRESS}"
            _, member = await loop.create_connection(lambda: Member(closed), host, port, local_addr=(source, 0))
            inside = member.inside
            assert inside is not None
            member.enter(host, token)
            await inside

    await asyncio.gather(*(join(*one) for one in enumerate(tokens)))
    print(f"open {len(tokens)}", flush=True)
    codes = Counter([await closed.get() for _ in tokens])
    for code, count in codes.items():
        print(f"closed {count} {code}", flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), sys.stdin.read().split()))
