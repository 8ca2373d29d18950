"""A load balancer as small as one can be: a TCP proxy in front of servers that come and go."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Balancer:
    """Gives each new connection to the next server in turn; one that does not listen is passed over.

    It asks nobody whether he is ready, and leaves connections alone once they are made: nothing here hides what
    happens to the servers.

    Attributes:
        ports: of the servers, on loopback.
    """

    def __init__(self) -> None:
        self.ports: list[int] = []
        self._turn = 0
        self._pipes: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The one address that clients know."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = asyncio.create_task(self._serve(reader, writer))
        self._pipes.add(pipe)
        pipe.add_done_callback(self._pipes.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await self._open()
        except OSError:
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_copy(reader, server[1]), _copy(server[0], writer))
        finally:
            writer.transport.abort()
            server[1].transport.abort()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in self.ports:
            self._turn += 1
            try:
                return await asyncio.open_connection("127.0.0.1", self.ports[self._turn % len(self.ports)])
            except OSError:
                continue
        raise ConnectionRefusedError("no server listens")


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copies to the end of the stream, and passes the end on; a broken connection is an end too."""
    try:
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
        sink.write_eof()
    except OSError:
        sink.transport.abort()
