"""Counts what Redis is asked to do: every command that clients send, and every command that scripts run inside."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote, urlsplit

_LINE = re.compile(rb'^\+[0-9.]+ \[[0-9]+ (\S+)\] "([^"]*)"(?: "([^"]*)")?')

WAITING = frozenset({"XREADGROUP", "XAUTOCLAIM", "PING"})
"""What workers and connections send now and then, whatever else they do: how often depends on the time."""


class Traffic:
    """What was counted.

    Attributes:
        sent: commands that clients sent, by name.
        inside: commands that scripts ran, by name.
    """

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.inside: Counter[str] = Counter()

    @property
    def work(self) -> dict[str, int]:
        """What clients sent, without what they send while they wait."""
        return {name: count for name, count in sorted(self.sent.items()) if name not in WAITING}


class Monitor:
    """A connection on which Redis tells every command that it runs, in the order in which it ran them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def connected(cls, address: str) -> AsyncIterator[tuple[Monitor, Monitor]]:
        """Connects to a server on a unix socket: the monitor, and the connection that sends it marks."""
        path = unquote(urlsplit(address).path)
        streams = [await asyncio.open_unix_connection(path, limit=1 << 24) for _ in range(2)]
        try:
            monitor, marker = (cls(*one) for one in streams)
            monitor._writer.write(b"MONITOR\r\n")
            assert await monitor._line() == b"+OK\r\n"
            yield monitor, marker
        finally:
            for _, writer in streams:
                writer.close()

    async def _line(self) -> bytes:
        async with asyncio.timeout(30):
            return await self._reader.readline()

    async def next(self, traffic: Traffic) -> bytes:
        """Counts the next command, and returns the mark if it is one."""
        line = await self._line()
        found = _LINE.match(line)
        assert found is not None, line
        who, name, first = found[1], found[2].decode().upper(), found[3]
        if name == "ECHO":
            return first
        (traffic.inside if who == b"lua" else traffic.sent)[name] += 1
        return b""

    async def until(self, mark: bytes, traffic: Traffic) -> None:
        """Counts every command up to the mark."""
        while await self.next(traffic) != mark:
            pass

    def send(self, commands: bytes) -> None:
        """Sends packed commands, in one write."""
        self._writer.write(commands)

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Redis runs no write in the block, and does not answer those that ask for one."""
        try:
            self._writer.write(b"CLIENT PAUSE 60000 WRITE\r\n")
            assert await self._line() == b"+OK\r\n"
            yield
        finally:
            self._writer.write(b"CLIENT UNPAUSE\r\n")
            assert await self._line() == b"+OK\r\n"

    async def mark(self) -> bytes:
        """Sends a command that only tests send, and waits for the answers to all that was sent."""
        mark = secrets.token_hex(8).encode()
        self._writer.write(b"ECHO %b\r\n" % mark)
        while mark not in await self._line():
            pass
        return mark


class Count:
    """Counts what happens in a block: `async with count() as traffic`.

    It ends when Redis has run everything that the block wrote.

    Attributes:
        marker: a connection of the test's own, whose commands are counted too.
    """

    def __init__(self, monitor: Monitor, marker: Monitor) -> None:
        self._monitor = monitor
        self.marker = marker

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Traffic]:
        await self._monitor.until(await self._marked(), Traffic())
        traffic = Traffic()
        yield traffic
        await self._monitor.until(await self._marked(), traffic)

    async def until(self, traffic: Traffic, name: str, count: int) -> None:
        """Inside a block: waits until Redis has run so many of a command."""
        while traffic.sent[name] < count:
            await self._monitor.next(traffic)

    async def _marked(self) -> bytes:
        # Redis may read several connections at once, in any order: only behind the first mark it has read all of them.
        await self.marker.mark()
        return await self.marker.mark()
