"""Acknowledgement by replicas: scripts, and one WAIT for all that ran together.

WAIT holds up everything behind it on its connection, and counts only what that connection wrote. So these scripts have
a connection of their own, and while one WAIT is under way, the scripts that arrive gather for the next: a slow replica
costs each of them at most two waits, however many they are.
"""

from __future__ import annotations

import asyncio
from typing import Any

from unbroken.redis.dial import Dialer
from unbroken.redis.link import Link
from unbroken.redis.topology import Node
from unbroken.redis.wire import Command, RedisReplyError


class Group:
    """Confirms scripts on replicas, on every server of a deployment.

    Args:
        replicas: how many must have a write.
        timeout: seconds to wait for them.
    """

    def __init__(self, dialer: Dialer, replicas: int, timeout: float) -> None:
        self._dialer = dialer
        self._replicas = replicas
        self._timeout = timeout
        self._servers: dict[Node, _Acks] = {}

    async def run(self, node: Node, command: Command, ask: bool = False) -> tuple[Any, bool]:
        """Runs a command, after ASKING if need be; returns its reply, and whether enough replicas have what it wrote.

        Raises:
            RedisReplyError: the command failed.
            ConnectionError: nobody knows whether it happened.
        """
        acks = self._servers.get(node)
        if acks is None:
            link = Link(self._dialer, node, "unbroken-acks", patience=self._dialer.patience + self._timeout)
            acks = self._servers[node] = _Acks(link, self._replicas, self._timeout)
        return await acks.run([("ASKING",), command] if ask else [command])

    def drop(self, node: Node, reason: str) -> None:
        """Drops the connection to a server that is no primary any more."""
        if node in self._servers:
            self._servers[node].link.drop(reason)

    async def close(self) -> None:
        """Closes the connections; what waits fails with ConnectionError."""
        for acks in self._servers.values():
            await acks.close()


class _Round:
    """Commands that one WAIT confirms."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.done: asyncio.Future[tuple[list[Any], bool]] = asyncio.get_running_loop().create_future()


class _Acks:
    """The rounds of one server, one after the other."""

    def __init__(self, link: Link, replicas: int, timeout: float) -> None:
        self.link = link
        self._replicas = replicas
        self._wait: Command = ("WAIT", replicas, max(1, round(timeout * 1000)))
        self._next: _Round | None = None
        self._runner: asyncio.Task[None] | None = None

    async def run(self, commands: list[Command]) -> tuple[Any, bool]:
        if self._next is None:
            self._next = _Round()
        mine = self._next
        mine.commands += commands
        place = len(mine.commands) - 1
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._rounds())
        replies, confirmed = await asyncio.shield(mine.done)
        if isinstance(replies[place], RedisReplyError):
            raise replies[place]
        return replies[place], confirmed

    async def _rounds(self) -> None:
        while self._next is not None:
            current, self._next = self._next, None
            try:
                current.done.set_result(await self._round(current.commands))
            except BaseException as error:
                lost = error if isinstance(error, Exception) else ConnectionError("closed")
                current.done.set_exception(lost)
                current.done.exception()  # its callers may all be gone
                if lost is not error:
                    raise

    async def _round(self, commands: list[Command]) -> tuple[list[Any], bool]:
        wire = await self.link.open()
        *replies, reached = await wire.batch((*commands, self._wait))
        return replies, isinstance(reached, int) and reached >= self._replicas

    async def close(self) -> None:
        await self.link.close()
        if self._runner is not None:
            await asyncio.wait([self._runner])
