"""Writes a session's log by hand, entry by entry, as a worker would, or as a worker would not."""

from __future__ import annotations

import asyncio
import secrets

from unbroken.backend import Backend
from unbroken.claim import Claim, Outcome
from unbroken.log import Appender, Kind
from unbroken.protocol import ReplyDelta, encode
from unbroken.types import Status


class Author:
    """The worker of one session."""

    def __init__(self, backend: Backend, session: str) -> None:
        self.backend = backend
        self.session = session
        self.keys = backend.keys.session(session)
        self.said = ""
        self.seq = 0
        self._claim: Claim | None = None

    @property
    def claim(self) -> Claim:
        assert self._claim is not None
        return self._claim

    async def start(self) -> None:
        """Takes the session's next message."""
        rid = (await self.backend.store.state(self.session))["rid"]
        self._claim = await self.backend.queue.take(
            self.session, rid, secrets.token_hex(4), attempts=9, continuing="", context=0
        )
        assert self._claim is not None
        self.said, self.seq = "", 0

    async def say(self, text: str, *, logged: bool = True, published: bool = True) -> None:
        """Writes a piece of text to the log and to the live channel, or to only one of them."""
        self.seq += 1
        if logged:
            self.said += text
        frame = encode(ReplyDelta(self.claim.turn.first, text))
        both = Appender(self.keys).commands(self.claim.epoch, self.seq, Kind.DELTA.value, frame)
        wanted = [command for command, wish in zip(both, (logged, published), strict=True) if wish]
        replies = await self.backend.redis.router.send(self.keys.tag, wanted)
        assert not any(isinstance(reply, Exception) for reply in replies)

    async def publish(self, count: int, text: str) -> None:
        """Shows a text many times on the live channel; nothing is logged, which would take the disk's time."""
        for _ in range(0, count, 50):
            await asyncio.gather(*(self.say(text, logged=False) for _ in range(50)))

    async def end(self, status: Status = Status.COMPLETED) -> None:
        """Commits what was said."""
        assert await self.backend.queue.finish(self.claim, self.seq + 1, Outcome(status, self.said))
