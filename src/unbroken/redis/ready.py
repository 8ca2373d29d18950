"""Waiting for work: one blocking read of the partitions that share a server, on a connection of its own."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import Any

from unbroken.errors import Unavailable
from unbroken.keys import GROUP, Keys
from unbroken.redis.dial import Dialer
from unbroken.redis.link import Link
from unbroken.redis.router import PAUSE, Remedy, Router, classify, redirection
from unbroken.redis.topology import Topology
from unbroken.redis.wire import RedisReplyError


class Ready:
    """Reads the ready streams of partitions that one server owns, together, for one consumer.

    At least once: an entry that was read stays pending until its session is done with; if this consumer dies, or the
    reply is lost on the way, another one reclaims it.

    Args:
        tags: of the partitions. On a cluster it is one: keys of several slots cannot be read together.
        consumer: unique for the process.

    Attributes:
        tags: of the partitions.
    """

    def __init__(
        self,
        dialer: Dialer,
        topology: Topology,
        router: Router,
        keys: Keys,
        tags: tuple[str, ...],
        consumer: str,
    ) -> None:
        self._dialer = dialer
        self._topology = topology
        self._router = router
        self.tags = tags
        self._tag = tags[0]
        self._streams = deque(keys.partition(tag).ready for tag in tags)
        self._consumer = consumer
        self._link = self._connect()
        self._cursors: dict[str, str | bytes] = dict.fromkeys(self._streams, "0-0")
        self._woken = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    async def read(self, block: float, most: int | None = None) -> list[tuple[str, str]]:
        """Waits for entries, at most `block` seconds, and returns them as (entry id, session id); else nothing.

        It returns as soon as there is any, with at most one entry of each partition. Zero does not wait. Redis rounds
        other waits up, when it is idle to the next tenth of a second.

        A lost connection is waited out, however long that takes. A missing consumer group is created from the start
        of the stream. `wake` ends all of this; cancelling does too, but may leave an entry pending until it is
        reclaimed.

        Args:
            block: seconds.
            most: how many partitions to look at; the next read goes on with the others. None looks at all of them.

        Raises:
            RedisReplyError: the server refuses the command for good.
        """
        assert self._idle.is_set(), "one read at a time"
        self._woken.clear()
        self._idle.clear()
        try:
            while not self._woken.is_set():
                try:
                    return await self._read(block, len(self._streams) if most is None else most)
                except (OSError, RedisReplyError, Unavailable) as error:
                    await self._recover(error)
            return []
        finally:
            self._idle.set()

    async def _read(self, block: float, most: int) -> list[tuple[str, str]]:
        if self._link.node != self._topology.node(self._tag):
            await self._link.close()
            self._link = self._connect()
        wire = await self._link.open()
        wire.patience = self._dialer.patience + block
        wait = ("BLOCK", max(1, round(block * 1000))) if block else ()
        streams = list(self._streams)[:most]
        self._streams.rotate(-most)
        new = [">"] * len(streams)
        try:
            reply = await wire.call(
                "XREADGROUP", "GROUP", GROUP, self._consumer, "COUNT", 1, *wait, "STREAMS", *streams, *new
            )
        except asyncio.CancelledError:
            wire.abort("the read was cancelled")  # else it would go on at the server, and take an entry
            raise
        return [] if reply is None else [entry for rows in reply.values() for entry in _entries(rows)]

    async def _recover(self, error: Exception) -> None:
        if isinstance(error, RedisReplyError) and error.code == "NOGROUP":
            try:
                await self._create_groups()
                return
            except Unavailable as refused:
                error = refused
        pause = PAUSE
        match classify(error):
            case Remedy.RECONNECT:
                await self._topology.refresh()  # and the link paces itself
                return
            case Remedy.FOLLOW:
                self._topology.moved(*redirection(error, self._link.node))
            case Remedy.LEAVE:
                self._link.drop(str(error))
            case Remedy.WAIT | Remedy.ASK:
                pass
            case Remedy.REFUSE:
                pause *= 10
            case _ if isinstance(error, Unavailable) or str(error).startswith("UNBLOCKED"):
                pass  # a stream was deleted while we waited: it comes back with its next entry
            case _:
                raise error
        try:
            async with asyncio.timeout(pause * random.uniform(0.5, 1.5)):  # noqa: S311 - only spreads the load
                await self._woken.wait()
        except TimeoutError:
            await self._topology.refresh()

    async def _create_groups(self) -> None:
        """Creates the groups that are missing, from 0, never from $: what waits in a stream was accepted."""
        create = [("XGROUP", "CREATE", stream, GROUP, "0", "MKSTREAM") for stream in self._streams]
        for reply in await self._router.pipeline(self._tag, *create, errors=True):
            if isinstance(reply, RedisReplyError) and reply.code != "BUSYGROUP":
                raise reply

    async def reclaim(self, min_idle: float, most: int) -> list[tuple[str, str]]:
        """Takes over entries whose consumers have been silent for `min_idle` seconds, at most `most`.

        If it returns fewer, there are no more. Each entry goes to one caller only, however many ask. Entries that were
        deleted meanwhile are dropped.

        Raises:
            Unavailable: Redis does not answer; what it may have given is reclaimed later.
        """
        found: list[tuple[str, str]] = []
        unfinished = list(self._streams)
        self._streams.rotate(-most)
        while unfinished and len(found) < most:
            room = most - len(found)
            streams = unfinished[:room]
            replies = await self._reclaim(streams, min_idle, room // len(streams))
            for stream, (cursor, rows) in zip(streams, replies, strict=True):
                found += _entries(rows)
                self._cursors[stream] = cursor
                if cursor == b"0-0":
                    unfinished.remove(stream)
        return found

    async def _reclaim(self, streams: list[str], min_idle: float, count: int) -> list[tuple[bytes, list[Any]]]:
        """Goes one step through each stream; returns where it is then, `0-0` behind the end, and what it took over."""
        idle = round(min_idle * 1000)
        commands = [
            ("XAUTOCLAIM", stream, GROUP, self._consumer, idle, self._cursors[stream], "COUNT", count)
            for stream in streams
        ]
        replies = await self._router.pipeline(self._tag, *commands, errors=True)
        failures = [reply for reply in replies if isinstance(reply, RedisReplyError)]
        for failure in failures:
            if failure.code != "NOGROUP":
                raise failure
        if failures:
            await self._create_groups()
        return [(b"0-0", []) if isinstance(reply, RedisReplyError) else (reply[0], reply[1]) for reply in replies]

    async def wake(self) -> None:
        """Ends the running read at once, without losing an entry: it returns what it has, or nothing."""
        self._woken.set()
        for _ in range(50):
            if self._idle.is_set():
                return
            await self._unblock()
            try:
                async with asyncio.timeout(0.02):
                    await self._idle.wait()
            except TimeoutError:
                continue  # the read was still on its way to the server
        self._link.drop("the read cannot be woken")
        await self._idle.wait()

    async def _unblock(self) -> None:
        if self._link.wire is None:
            self._link.interrupt()
            return
        if self._link.node != self._topology.node(self._tag):
            self._link.drop("the partition has another owner")
            return
        connection = self._link.greeting.connection
        try:
            async with asyncio.timeout(1.0):
                (reply,) = await self._router.send(self._tag, [("CLIENT", "UNBLOCK", connection, "TIMEOUT")])
        except (OSError, TimeoutError):
            return
        if isinstance(reply, RedisReplyError):
            self._link.drop(f"the read cannot be woken: {reply}")

    async def close(self) -> None:
        """Closes the connection; a running read fails and must not be awaited after this."""
        self._woken.set()
        await self._link.close()

    def _connect(self) -> Link:
        return Link(self._dialer, self._topology.node(self._tag), "unbroken-ready")


def _entries(rows: list[Any]) -> list[tuple[str, str]]:
    return [(row[0].decode(), row[1][1].decode()) for row in rows if row[1] is not None]
