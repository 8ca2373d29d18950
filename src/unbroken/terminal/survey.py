"""What is in Redis right now, as plain data: read, never changed, and without secrets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from unbroken.backend import Backend
from unbroken.errors import SessionGone
from unbroken.queue import DeadLetter
from unbroken.types import Message
from unbroken.usage import Usage, usage

SCANNED = 500
"""Keys that one SCAN looks at."""


class SessionRow(msgspec.Struct):
    """One session in a list.

    Attributes:
        running: whether a worker answers it now, and which attempt that is (0: none).
        waiting: accepted messages without an outcome, the running one included.
        ttl: seconds until it expires; None for never.
        bot: who answers; empty: the first bot of the deployment.
    """

    id: str
    name: str
    session_start: str
    messages: int
    running: int
    waiting: int
    ttl: int | None
    bot: str = ""


class PartitionRow(msgspec.Struct):
    """One partition of the queue: sessions with work, and how many of those a worker holds."""

    tag: str
    ready: int
    held: int


class SessionDetail(msgspec.Struct):
    """One session with its messages, and the tokens that its replies took if their bots said so."""

    session: SessionRow
    messages: list[Message]
    usage: Usage | None = None


class Overview(msgspec.Struct):
    """Everything at a glance.

    Attributes:
        sessions: at most as many as were asked for.
        more: whether there are more.
        partitions: those that have work.
        dead: the newest dead letters.
    """

    sessions: list[SessionRow]
    more: bool
    partitions: list[PartitionRow]
    dead: list[DeadLetter]


class Survey:
    """Reads one deployment."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._router = backend.redis.router
        self._keys = backend.keys

    async def overview(self, limit: int) -> Overview:
        """Everything at a glance, with at most `limit` sessions."""
        rows: list[SessionRow] = []
        more = False
        async for session in self._sessions():
            if len(rows) == limit:
                more = True
                break
            if (row := await self.row(session)) is not None:
                rows.append(row)
        partitions = [PartitionRow(*found) for found in await self._backend.queue.depth()]
        return Overview(
            sorted(rows, key=lambda row: row.session_start, reverse=True),
            more,
            [row for row in partitions if row.ready],
            await self._backend.queue.dead_letters(),
        )

    async def session(self, session: str) -> SessionDetail:
        """One session.

        Raises:
            SessionGone: there is none with this id.
        """
        row = await self.row(session)
        if row is None:
            raise SessionGone("there is no such session; it may have expired")
        messages = (await self._backend.store.read(session)).messages
        return SessionDetail(row, messages, usage(messages))

    async def row(self, session: str) -> SessionRow | None:
        """One session without its messages, in one round trip."""
        keys = self._keys.session(session)
        doc, count, state, waiting, ttl = await self._router.pipeline(
            keys.tag,
            ("JSON.GET", keys.doc, "$.name", "$.session_start", "$.bot"),
            ("JSON.ARRLEN", keys.doc, "$.messages"),
            ("HMGET", keys.state, "run", "att"),
            ("XLEN", keys.inbox),
            ("TTL", keys.doc),
            errors=True,  # the length of an array in a missing document is one
        )
        if doc is None:
            return None
        found: dict[str, list[str]] = msgspec.json.decode(doc)
        return SessionRow(
            session,
            found["$.name"][0],
            found["$.session_start"][0],
            count[0],
            int(state[1]) if state[0] is not None else 0,
            waiting,
            None if ttl < 0 else ttl,
            *found["$.bot"],
        )

    async def _sessions(self) -> AsyncIterator[str]:
        """Ids of all sessions. SCAN may repeat a key and miss one that is made meanwhile."""
        info = await self._router.command(self._keys.tags[0], "INFO", "cluster")
        if b"cluster_enabled:1" in info:
            # a pattern with a hash tag makes SCAN look at that slot alone
            scans = [(tag, self._keys.partition(tag).ready.removesuffix("ready")) for tag in self._keys.tags]
        else:
            scans = [(self._keys.tags[0], f"{self._keys.prefix}:{{*}}:")]
        seen: set[str] = set()
        for tag, base in scans:
            async for key in self._scan(tag, f"{base}s:*:state"):
                session = key.split(":s:", 1)[1].removesuffix(":state")
                if session not in seen:
                    seen.add(session)
                    yield session

    async def _scan(self, tag: str, pattern: str) -> AsyncIterator[str]:
        cursor = "0"
        while True:
            reply: list[Any] = await self._router.command(tag, "SCAN", cursor, "MATCH", pattern, "COUNT", str(SCANNED))
            cursor = reply[0].decode()
            for key in reply[1]:
                yield key.decode()
            if cursor == "0":
                return
