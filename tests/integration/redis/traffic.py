"""What servers and workers do to Redis, on every partition at once, while servers come and go."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Self

from tests.integration.redis.waiting import until
from unbroken.backend import Backend
from unbroken.errors import Unavailable
from unbroken.keys import SessionKeys
from unbroken.redis.wire import RedisReplyError
from unbroken.types import Role

PATIENCE = 30.0
_PAUSE = 0.03
_EPOCH = 7


class Traffic:
    """One session of each partition: messages are accepted, entries are logged and shown live, a reader is blocked.

    Attributes:
        accepted: of each session, how many messages were acknowledged.
        gaps: of each session, how often its live messages may have been lost.
        longest: seconds that the slowest step took.
    """

    def __init__(self, backend: Backend, sessions: list[str]) -> None:
        self._backend = backend
        self._sessions = sessions
        self._router = backend.redis.router
        self.accepted = dict.fromkeys(sessions, 0)
        self.gaps = dict.fromkeys(sessions, 0)
        self.longest = 0.0
        self._heard: defaultdict[str, list[bytes]] = defaultdict(list)
        self._stop = False
        self._senders: list[asyncio.Task[None]] = []
        self._blocked: list[asyncio.Task[list[tuple[str, str]]]] = []
        self._by_channel = {self.keys(session).events: session for session in sessions}
        self._live = backend.redis.live(
            lambda channel, payload: self._heard[self._by_channel[channel]].append(payload), self._gap
        )

    @classmethod
    async def begin(cls, backend: Backend) -> Self:
        """Starts it, and returns when it flows on every partition."""
        sessions: dict[str, str] = {}
        while len(sessions) < len(backend.keys.tags):
            _, session = await backend.store.create("Ada")
            sessions[backend.keys.session(session.id).tag] = session.id
        self = cls(backend, list(sessions.values()))
        await asyncio.gather(
            *(self._live.subscribe(channel, self.keys(s).tag) for channel, s in self._by_channel.items())
        )
        self._senders = [asyncio.create_task(self._send(session)) for session in self._sessions]
        readers = [backend.redis.ready((tag,), "worker") for tag in backend.keys.tags]
        for reader in readers:
            assert await reader.read(PATIENCE), "the accepted messages are to be worked on"
        self._blocked = [asyncio.create_task(reader.read(PATIENCE)) for reader in readers]
        await self.goes_on()
        return self

    def keys(self, session: str) -> SessionKeys:
        return self._backend.keys.session(session)

    def _gap(self, channel: str) -> None:
        self.gaps[self._by_channel[channel]] += 1

    async def _send(self, session: str) -> None:
        clock = asyncio.get_running_loop().time
        while not self._stop:
            started = clock()
            await self._accept(session)
            await self._log(session, self.accepted[session])
            self.longest = max(self.longest, clock() - started)
            await asyncio.sleep(_PAUSE)

    async def _accept(self, session: str) -> None:
        while True:  # as a client does: the same id, until it is acknowledged
            try:
                await self._backend.queue.accept(session, f"m{self.accepted[session]}", "hello")
            except Unavailable:
                await asyncio.sleep(_PAUSE)
            else:
                self.accepted[session] += 1
                return

    async def _log(self, session: str, number: int) -> None:
        keys = self.keys(session)
        pair = (("XADD", keys.log, f"{_EPOCH}-{number}", "n", number), ("SPUBLISH", keys.events, str(number)))
        written, _ = await self._router.pipeline(keys.tag, *pair, errors=True)
        assert not isinstance(written, RedisReplyError) or "equal or smaller" in str(written), written

    async def goes_on(self) -> None:
        """Returns when every session got three more messages."""
        before = dict(self.accepted)
        await until(
            lambda: all(self.accepted[s] >= before[s] + 3 for s in before) or any(t.done() for t in self._senders),
            PATIENCE,
        )

    async def end(self) -> None:
        """Stops it, and checks that nothing is missing, nothing is there twice, and everybody is still connected."""
        self._stop = True
        await asyncio.gather(*self._senders)
        for session in self._sessions:
            keys, count = self.keys(session), self.accepted[session]
            history = (await self._backend.store.read(session)).messages
            assert [m.id for m in history if m.role is Role.USER] == [f"m{number}" for number in range(count)]
            rows = await self._router.command(keys.tag, "XRANGE", keys.log, "-", "+")
            assert [row[1][1] for row in rows] == [str(number).encode() for number in range(1, count + 1)]
        await asyncio.gather(*map(self._still_live, self._sessions))
        for tag in self._backend.keys.tags:
            await self._router.command(tag, "XADD", self._backend.keys.partition(tag).ready, "*", "s", "late")
        async with asyncio.timeout(PATIENCE):
            found = await asyncio.gather(*self._blocked)
        assert [[session for _, session in entries] for entries in found] == [["late"]] * len(found)

    async def _still_live(self, session: str) -> None:
        keys = self.keys(session)
        async with asyncio.timeout(PATIENCE):
            while self._heard[session][-1:] != [b"end"]:
                await self._router.command(keys.tag, "SPUBLISH", keys.events, "end")
                await asyncio.sleep(_PAUSE)
        numbers = [int(payload) for payload in self._heard[session] if payload.isdigit()]
        assert numbers == sorted(numbers), "live messages arrive in their order"
        missing = set(range(1, self.accepted[session] + 1)) - set(numbers)
        assert not missing or self.gaps[session], "whoever misses something is told"
