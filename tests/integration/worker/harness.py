"""What the tests of the worker share: a session to talk in, a worker that runs, and conditions to wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from unbroken.backend import Backend
from unbroken.keys import GROUP
from unbroken.log import Entry, Kind
from unbroken.models.base import Bot
from unbroken.protocol import ReplyDelta, ReplyPart, ReplyStarted, decode_event
from unbroken.types import Message, Part, Role
from unbroken.worker.bots import Bots
from unbroken.worker.worker import Worker


async def until(condition: Callable[[], object], timeout: float = 20.0) -> None:
    """Waits for something in this process to become true."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def working(backend: Backend, bot: Bot) -> AsyncIterator[Worker]:
    """A worker, stopped at the end without grace."""
    worker = Worker(backend, Bots.of(bot))
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        worker.stop()
        await asyncio.wait_for(task, 20)


class Talk:
    """One session, and what is in its log and its history."""

    def __init__(self, backend: Backend, session: str) -> None:
        self.backend = backend
        self.session = session
        self.keys = backend.keys.session(session)
        self._sent = 0

    @classmethod
    async def begin(cls, backend: Backend, name: str = "Ann") -> Talk:
        _, session = await backend.store.create(name)
        return cls(backend, session.id)

    async def send(self, text: str) -> str:
        """Sends a message and returns its id."""
        self._sent += 1
        await self.backend.queue.accept(self.session, f"m{self._sent}", text)
        return f"m{self._sent}"

    async def history(self) -> list[Message]:
        return (await self.backend.store.read(self.session)).messages

    async def outcome(self, message_id: str, timeout: float = 20.0) -> Message:
        """Waits for the reply to a message."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for message in await self.history():
                if message.reply_to == message_id:
                    return message
            await asyncio.sleep(0.01)
        raise AssertionError(f"no outcome for {message_id}")

    async def ask(self, text: str) -> Message:
        return await self.outcome(await self.send(text))

    async def log(self) -> list[Entry]:
        raw = await self.backend.redis.router.command(self.keys.tag, "XRANGE", self.keys.log, "-", "+")
        return [Entry.from_log(one) for one in raw]

    async def shown(self) -> tuple[str, list[Part]]:
        """What the log of the running reply shows: its text, its parts. Its entries must be contiguous."""
        text, parts = "", list[Part]()
        entries = await self.log()
        starts = [number for number, entry in enumerate(entries) if entry.kind is Kind.STARTED]
        for seq, entry in enumerate(entries[starts[-1] :] if starts else []):
            assert (entry.id.first, entry.id.second) == (entries[starts[-1]].id.first, seq)
            match decode_event(entry.frame):
                case ReplyStarted(text=said) | ReplyDelta(text=said):
                    text += said
                case ReplyPart(part=part):
                    parts.append(part)
        return text, parts

    async def shows(self, text: str, timeout: float = 20.0) -> None:
        """Waits until the running reply shows at least this text."""
        end = time.monotonic() + timeout
        while text not in (await self.shown())[0]:
            assert time.monotonic() < end, f"it shows {(await self.shown())[0]!r}"
            await asyncio.sleep(0.01)

    async def lapse(self) -> None:
        """Lets the lease of its reply run out: for Redis, its worker has said nothing for a day."""
        entry, worker, _ = await self._held()
        command = self.backend.redis.router.command
        await command(self.keys.tag, "XCLAIM", self.keys.ready, GROUP, worker, 0, entry, "IDLE", 86_400_000, "JUSTID")

    async def renewed(self) -> None:
        """Waits until the lease of its reply was renewed once more."""
        async with asyncio.timeout(20):
            silence = 0
            while (now := (await self._held())[2]) >= silence:
                silence = now
                await asyncio.sleep(0.01)

    async def _held(self) -> tuple[bytes, bytes, int]:
        """Its ready entry, the worker that has it, and the milliseconds since that one last said so."""
        entry = (await self.backend.store.state(self.session))["rid"]
        command = self.backend.redis.router.command
        (row,) = await command(self.keys.tag, "XPENDING", self.keys.ready, GROUP, entry, entry, 1)
        return row[0], row[1], row[2]

    async def idle(self) -> bool:
        """Whether nothing is left to do for this session."""
        ready = await self.backend.redis.router.command(self.keys.tag, "XRANGE", self.keys.ready, "-", "+")
        inbox = await self.backend.redis.router.command(self.keys.tag, "XLEN", self.keys.inbox)
        state = await self.backend.store.state(self.session)
        return not any(row[1][1].decode() == self.session for row in ready) and not inbox and "run" not in state


def questions_and_answers(messages: list[Message]) -> list[tuple[str, str]]:
    """Pairs of message and reply, in the order in which the replies were committed."""
    asked = {message.id: message.msg for message in messages if message.role is Role.USER}
    return [(asked[m.reply_to], m.msg) for m in messages if m.reply_to is not None]
