"""A TCP proxy that can let nobody through, so that servers and clients lose sight of each other."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import NamedTuple

from tests.topologies.ports import free_port


class _Pipe(NamedTuple):
    source: str
    writers: tuple[asyncio.StreamWriter, asyncio.StreamWriter]


class Door:
    """Passes connections on to a port of the loopback, until somebody is shut out.

    As in a network that is cut, whoever is shut out hears nothing, neither data nor an end; what was under way arrives
    when he is let in again. Sources are told apart by the loopback address that they connect from.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._out: set[str] = set()
        self._changed = asyncio.Event()
        self._pipes: set[_Pipe] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    def shut_out(self, *sources: str) -> None:
        """Nothing of these passes any more, in either direction."""
        self._out |= set(sources)
        self._change()

    def let_in(self, *sources: str) -> None:
        """Undoes `shut_out`; without arguments for all."""
        self._out -= set(sources) if sources else set(self._out)
        self._change()

    def hang_up(self, source: str) -> None:
        """Ends the connections of a source, which may come again."""
        for pipe in self._pipes:
            if pipe.source == source:
                for writer in pipe.writers:
                    writer.transport.abort()

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source = str(writer.get_extra_info("peername")[0])
        try:
            await self._admitted(source)
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        pipe = _Pipe(source, (writer, back))
        self._pipes.add(pipe)
        directions = [
            asyncio.create_task(self._pass(source, reader, back)),
            asyncio.create_task(self._pass(source, there, writer)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            for end in pipe.writers:
                end.close()
        except asyncio.CancelledError:
            for end in pipe.writers:
                end.transport.abort()
            raise
        finally:
            self._pipes.discard(pipe)
            for direction in directions:
                direction.cancel()

    async def _pass(self, source: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                await self._admitted(source)
                writer.write(data)
                await writer.drain()
            await self._admitted(source)

    async def _admitted(self, source: str) -> None:
        while source in self._out:
            await self._changed.wait()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
