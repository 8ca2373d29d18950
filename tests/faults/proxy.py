"""A network that can be broken: forwards TCP connections, and does harm on the way when it is told to.

It runs in the event loop of the test, so what happens in it is ordered with what the test does. The target may be TCP
or a unix socket; the proxy itself always listens on a loopback port, which stays the same whatever happens behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from enum import Enum
from types import TracebackType
from typing import Self

CHUNK = 65_536
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes a close a reset."""


class Way(Enum):
    """A direction."""

    UP = "from the client to the server"
    DOWN = "from the server to the client"


class Cut(Exception):
    """The connection ends here, with a reset."""


class Line:
    """One connection through a proxy, in both directions."""

    def __init__(self, proxy: Proxy, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.proxy = proxy
        self._sides = near, far

    def through(self, way: Way, data: bytes) -> Iterator[bytes]:
        """What is to be forwarded of `data`. A line that understands its protocol yields something else.

        Raises:
            Cut: the connection ends behind what was yielded.
        """
        yield data

    def cut(self) -> None:
        """Resets the connection on both sides; what was not delivered yet is lost."""
        for writer in self._sides:
            reset(writer)

    async def run(self, near: asyncio.StreamReader, far: asyncio.StreamReader) -> None:
        """Forwards until either side ends, or the line is cut."""
        writers = dict(zip(Way, reversed(self._sides), strict=True))
        pumps = [
            asyncio.create_task(self._pump(way, reader, writers[way]))
            for way, reader in zip(Way, (near, far), strict=True)
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            ended = await asyncio.gather(*pumps, return_exceptions=True)
            if any(isinstance(end, Cut) for end in ended):
                self.cut()
            for writer in self._sides:
                writer.close()
            for end in ended:
                if isinstance(end, Exception) and not isinstance(end, (Cut, OSError)):
                    raise end

    async def _pump(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            for piece in self.through(way, data):
                await self.proxy.passage(way, len(piece))
                if writer.transport.is_closing():
                    return  # it was cut while this was held
                writer.write(piece)
            await writer.drain()


class Proxy:
    """Listens on a loopback port and forwards to `target`.

    Args:
        target: `host:port`, or the path of a unix socket; may be changed at any time, for new connections. While it is
            empty nobody listens there.

    Attributes:
        delay: seconds that every piece of data is late, in each direction.
        rate: bytes per second and direction of one connection; None for as many as there are.
        refusing: whether new connections are reset at once.
        lines: the open connections.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.delay = 0.0
        self.rate: float | None = None
        self.refusing = False
        self.lines: set[Line] = set()
        self._gates = {way: asyncio.Event() for way in Way}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.release()

    # Harm

    def hold(self, *ways: Way) -> None:
        """Forwards nothing more, and keeps it: the network is silent, but nobody is told. No way means both.

        `release` delivers what was kept, late; `cut` loses it.
        """
        for way in ways or Way:
            self._gates[way].clear()

    def release(self) -> None:
        """Forwards again, beginning with what was held."""
        for gate in self._gates.values():
            gate.set()

    def cut(self) -> None:
        """Resets every connection. New ones are welcome, unless `refusing`."""
        for line in list(self.lines):
            line.cut()

    def heal(self) -> None:
        """Ends all harm; connections that were cut stay so."""
        self.delay, self.rate, self.refusing = 0.0, None, False
        self.release()

    # Work

    @property
    def port(self) -> int:
        """Where it listens, from `start` on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def line(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> Line:
        """Makes the line of a new connection."""
        return Line(self, near, far)

    async def passage(self, way: Way, size: int) -> None:
        """Returns when so many bytes may pass."""
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.rate:
            await asyncio.sleep(size / self.rate)
        await self._gates[way].wait()

    async def start(self) -> None:
        """Begins to listen."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)

    async def close(self) -> None:
        """Stops listening and resets what is open."""
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.refusing or not self.target:
                raise ConnectionRefusedError
            far_reader, far_writer = await _connect(self.target)
        except OSError:
            reset(writer)
            return
        line = self.line(writer, far_writer)
        self.lines.add(line)
        try:
            await line.run(reader, far_reader)
        finally:
            self.lines.discard(line)


async def _connect(target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if target.startswith("/"):
        return await asyncio.open_unix_connection(target)
    host, _, port = target.rpartition(":")
    return await asyncio.open_connection(host, int(port))


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with a reset where the socket knows one, and loses what was not delivered."""
    found: socket.socket | None = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        if found is not None and found.fileno() >= 0 and found.family != socket.AF_UNIX:  # else it is gone already
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
