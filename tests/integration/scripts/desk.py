"""One session of a real server, and its scripts called directly."""

from __future__ import annotations

from typing import Any

import msgspec

from unbroken.backend import Backend
from unbroken.cursor import Cursor
from unbroken.keys import GROUP
from unbroken.log import Appender, Entry
from unbroken.scripts import Accepted, Code, Finished, Renewed, Resumed, Scripts, Taken, load, words
from unbroken.types import Message, Status

_messages = msgspec.json.Decoder(list[list[Message]])


class Desk:
    """Calls the scripts of one session, as they are, with the arguments that a test does not care about filled in."""

    def __init__(self, backend: Backend, session: str) -> None:
        self.backend = backend
        self.session = session
        self.keys = backend.keys.session(session)
        self.scripts = backend.scripts

    @classmethod
    async def open(cls, backend: Backend, session: str) -> Desk:
        """Creates the session."""
        desk = cls(backend, session)
        assert await desk.scripts.create(desk.keys, session, "Ada", f"digest of {session}")
        return desk

    def keep(self, ttl: int) -> None:
        """From now on sessions live so many seconds."""
        self.scripts = Scripts(self.backend.redis.router, ttl)

    # Scripts

    async def accept(self, message_id: str, text: str = "hello", inbox: int = 20, turns: int = 1000) -> Accepted:
        return await self.scripts.accept(self.keys, self.session, message_id, text, inbox, turns)

    async def accept_bytes(self, message_id: str | bytes, text: bytes) -> list[Any]:
        """As a server would that does not check what it is sent."""
        args = (self.session, 3_600_000, self.keys.events, message_id, text, 20, 1000, "", "", "queue", "")
        return words(await self.backend.redis.router.run(self.keys.tag, load("accept"), self.keys.script, args))

    async def take(
        self,
        nonce: str,
        *,
        entry: str | None = None,
        attempts: int = 3,
        continues: bool = True,
        context: int = 20,
    ) -> Taken:
        entry = entry or await self.entry()
        continuing = ",," if continues else ""
        taken = await self.scripts.take(self.keys, self.session, entry, nonce, attempts, continuing, context)
        if taken.code is not Code.OK:
            return taken
        found = msgspec.json.decode(taken.found)  # the store names its paths in any order
        return taken._replace(found=msgspec.json.encode(found, order="sorted"))

    async def finish(
        self, epoch: int, seq: int = 1, text: str = "", status: Status = Status.COMPLETED, entry: str = "1-1"
    ) -> Finished:
        members = msgspec.json.encode({"msg": text, "status": status})[1:-1]
        return await self.finish_bytes(epoch, seq, members, status, entry)

    async def finish_bytes(
        self, epoch: int, seq: int, members: bytes, status: Status = Status.COMPLETED, entry: str = "1-1"
    ) -> Finished:
        return await self.scripts.finish(self.keys, self.session, entry, epoch, seq, status, members, "because")

    async def renew(self, epoch: int, consumer: str = "w") -> Renewed:
        return await self.scripts.renew(self.keys, self.session, epoch, consumer)

    async def release(self, epoch: int, *, counts: bool = False) -> Code:
        return await self.scripts.release(self.keys, self.session, epoch, counts=counts)

    async def cancel(self, message_id: str) -> Code:
        return await self.scripts.cancel(self.keys, self.session, message_id)

    async def resume(self, cursor: Cursor | None, limit: int = 500, size: int = 1_000_000) -> Resumed:
        return await self.scripts.resume(self.keys, self.session, cursor, limit, size)

    async def touch(self) -> Code:
        return await self.scripts.touch(self.keys, self.session)

    async def answer(self, message_id: str, text: str = "hello", reply: str = "hi") -> None:
        """Sends a message and answers it."""
        await self.accept(message_id, text)
        taken = await self.take(f"nonce of {message_id}")
        assert (await self.finish(taken.epoch, text=reply)).code is Code.OK

    # Around them

    async def redis(self, *command: str | bytes | int) -> Any:
        return await self.backend.redis.router.command(self.keys.tag, *command)

    async def chunk(self, entry: Entry) -> Any:
        """Writes a chunk, and returns what XADD says to it."""
        commands = Appender(self.keys).commands(*entry.id, entry.kind.value, entry.frame)
        return (await self.backend.redis.router.pipeline(self.keys.tag, *commands, errors=True))[0]

    async def entry(self) -> str:
        """The ready entry of the session."""
        rid: bytes = await self.redis("HGET", self.keys.state, "rid")
        return rid.decode()

    async def ready(self) -> list[tuple[str, str]]:
        """All ready entries: (id, session)."""
        rows = await self.redis("XRANGE", self.keys.ready, "-", "+")
        return [(id_.decode(), fields[1].decode()) for id_, fields in rows]

    async def read(self, consumer: str = "w") -> None:
        """Reads all ready entries, as a worker does, and says nothing more."""
        await self.redis("XGROUP", "CREATE", self.keys.ready, GROUP, "0", "MKSTREAM")
        await self.redis("XREADGROUP", "GROUP", GROUP, consumer, "COUNT", 100, "STREAMS", self.keys.ready, ">")

    async def pending(self) -> list[tuple[str, str]]:
        """Entries that somebody has read and not done: (id, consumer)."""
        rows = await self.redis("XPENDING", self.keys.ready, GROUP, "-", "+", 100)
        return [(row[0].decode(), row[1].decode()) for row in rows]

    async def history(self) -> list[Message]:
        """All messages, as they are stored."""
        return _messages.decode(await self.redis("JSON.GET", self.keys.doc, "$.messages"))[0]

    async def log(self) -> list[Entry]:
        """The log, as it is now."""
        return [Entry.from_log(raw) for raw in await self.redis("XRANGE", self.keys.log, "-", "+")]

    async def ends(self) -> set[int]:
        """The times in ms at which the keys that are there expire; -1 for never."""
        ends = await self.backend.redis.router.pipeline(
            self.keys.tag, *[("PEXPIRETIME", key) for key in self.keys.owned]
        )
        return set(ends) - {-2}

    async def facts(self) -> list[Any]:
        """Everything that a script may change."""
        doc, state, ids, inbox, log, ready, dead = self.keys.script
        return await self.backend.redis.router.pipeline(
            self.keys.tag,
            ("JSON.GET", doc),
            ("HGETALL", state),
            ("HGETALL", ids),
            *[("XRANGE", stream, "-", "+") for stream in (inbox, log, ready, dead)],
        )

    async def expire(self) -> None:
        """Ends the session."""
        await self.redis("DEL", *self.keys.owned)
