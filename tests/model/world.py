"""Everything that a schedule moves: the clock, the server, its sessions and their clients, the workers' attempts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any, NamedTuple, cast

import hiredis

from tests.model.clients import Client, Memory
from tests.model.connection import Connection, ReplyError
from tests.model.journal import Journal, Letter, iso
from tests.model.lua import CLOCK
from tests.model.replies import Call, consider
from tests.model.router import FaultyRouter, drive
from tests.model.shape import ATTEMPTS, BEGIN, BOTS, INBOX, KEYS, SESSIONS, Shape
from tests.model.violation import require
from tests.model.workers import Attempt
from unbroken.errors import Unavailable
from unbroken.keys import GROUP, SessionKeys
from unbroken.log import Entry, Kind, Log
from unbroken.queue import Limits, Queue
from unbroken.redis.router import Router, Script
from unbroken.scripts import FORGET, Scripts, source, words
from unbroken.store import Store

_SET_CLOCK = "#!lua flags=allow-oom\nredis.call('SET', KEYS[1], ARGV[1])"
"""Time does not stop when there is no memory."""


class Copy(NamedTuple):
    """What a replica knows that lags behind."""

    keys: list[tuple[bytes, int, bytes]]
    journals: dict[str, Journal]
    buried: list[Letter]


def _chunk(packed: bytes) -> Entry:
    """The log entry that a packed XADD writes."""
    parser = hiredis.Reader()
    parser.feed(packed)
    words: list[bytes] = parser.gets()
    fields = words.index(b"k")
    return Entry.from_log((words[fields - 1], words[fields:]))


class World:
    """The state of one schedule.

    Attributes:
        journals: the truth about each session.
        attempts: what workers run, among them some that are stopped or were replaced without knowing it.
        memories: for each session where clients were before, and may come back to.
        late: chunks that are still on their way, on connections that their workers have given up.
        histories: how many failovers there were.
        moment: seconds of a clock that nobody sets: that of the clients.
        full: whether the server has no memory left.
        happened: counts of what this schedule has met.
        trace: what was done, for people.
    """

    def __init__(self, connection: Connection, scripts: dict[str, Script], chance: Random, shape: Shape) -> None:
        self.connection = connection
        self.chance = chance
        self.shape = shape
        self._scripts = scripts
        self.trace: list[str] = []
        self.happened: Counter[str] = Counter()
        self.router = FaultyRouter(connection, chance, self.execute)
        router = cast("Router", self.router)
        self.scripts = Scripts(router, shape.ttl)
        self.queue = Queue(router, KEYS, self.scripts, Limits(65_536, INBOX, shape.turns))
        self.log = Log(router, KEYS, self.scripts)
        self.store = Store(router, KEYS, self.scripts)
        self.now = BEGIN
        self.number = 0
        self.moment = 0.0
        self.full = False
        self.histories = 0
        self.copy: Copy | None = None
        self.sessions = SESSIONS[: shape.sessions]
        self.journals = {name: Journal(name, ATTEMPTS, BOTS[name]) for name in self.sessions}
        self.buried: list[Letter] = []
        self.memories: dict[str, list[Memory]] = {name: [] for name in self.sessions}
        self.attempts: list[Attempt] = []
        self.late: list[tuple[str, Sequence[bytes]]] = []
        self.fill(False)
        connection.run("FLUSHALL")
        connection.heard()
        self.advance(0)
        self.make_group()
        for name in self.sessions:
            self._create(name)
        self.clients = [Client(self, name, shape.page) for name in self.sessions for _ in range(3)]

    # Clock and names

    def advance(self, milliseconds: int) -> None:
        """Moves the clock, which shows microseconds."""
        self.now = (self.now // 1000 + milliseconds) * 1000 + self.chance.randrange(1000)
        self.connection.later("EVAL", _SET_CLOCK, 1, CLOCK, self.now)

    def fill(self, full: bool) -> None:
        """Takes all memory from the server, or gives it back."""
        self.full = full
        self.connection.run("CONFIG", "SET", "maxmemory", int(full))

    def sleep(self, seconds: int) -> None:
        """Lets so much time pass that sessions may expire: their keys come nearer to their end by as much."""
        self.advance(seconds * 1000)
        owned = [key for name in self.sessions for key in self.keys(name).owned]
        ends = self.connection.pipeline(*[("PEXPIRETIME", key) for key in owned])
        moved = [("PEXPIREAT", key, end - seconds * 1000) for key, end in zip(owned, ends, strict=True) if end > 0]
        self.connection.pipeline(("MULTI",), *moved, ("EXEC",))
        found = self.connection.pipeline(*[("EXISTS", self.keys(name).doc) for name in self.sessions])
        for name, there in zip(self.sessions, found, strict=True):
            if not there:
                self.expired(name)

    def keys(self, session: str) -> SessionKeys:
        return KEYS.session(session)

    def fresh(self, kind: str) -> str:
        """A name that was not used before."""
        self.number += 1
        return f"{kind}{self.number}"

    def note(self, *words: object) -> None:
        self.trace.append(" ".join(map(str, words)))

    # Server

    def execute(self, call: Call) -> Any:
        """Runs a script on the server, and judges what it did.

        Raises:
            Unavailable: the server has no memory for it.
        """
        reply = self._evaluate(call)
        self.note("  ", call, "->", *(reply[:3] if isinstance(reply, list) else (reply,)))
        if isinstance(reply, ReplyError):
            self._refused(call, reply)
        if call.script == FORGET:
            return reply
        journal = self.journals[call.session]
        before = journal.clone()
        said = words(reply)
        consider(before, journal, call, said, self._hear(call))
        if call.script == "delete":
            self.expired(call.session)
        self.happened[f"{call.script} {said[0].decode()}"] += 1
        if call.script == "take" and reply[0] == b"OK" and not reply[9]:
            self.happened["take of a remembered conversation"] += 1
        return reply

    def _refused(self, call: Call, error: ReplyError) -> None:
        """Without memory, those that need none must work; the others do nothing at all."""
        frugal = "flags=" in source(call.script).partition("\n")[0]
        require(self.full and not frugal and str(error).startswith("OOM"), "A: a script failed", call, error)
        require(not self.connection.heard(), "C: refused, but something was published", call)
        self.happened["out of memory"] += 1
        raise Unavailable("Redis has no memory left")

    def _evaluate(self, call: Call) -> Any:
        script = self._scripts[call.script]
        command = ("EVALSHA", script.sha, len(call.keys), *call.keys, *call.head, *call.args)
        reply = self.connection.pipeline(command)[0]
        if isinstance(reply, ReplyError) and str(reply).startswith("NOSCRIPT"):
            self.connection.run("SCRIPT", "LOAD", script.source)
            reply = self.connection.pipeline(command)[0]
        return reply

    def _hear(self, call: Call) -> int:
        heard = self.connection.heard()
        for channel, payload in heard:
            if channel == self.keys(call.session).control:
                self._cancelled(call, payload)
                continue
            require(channel == self.keys(call.session).events, "D: published to another session", channel)
            entry = Entry.from_live(payload)
            if entry.kind is not Kind.DELETED:
                self.journals[call.session].apply(entry, call.script, self.now)
            self._spread(call.session, payload)
        return len(heard)

    def _cancelled(self, call: Call, payload: bytes) -> None:
        session, epoch = payload.decode().split()
        running = self.journals[session].running
        require(call.session == session and running == int(epoch), "A: cancelled another attempt", call, payload)
        for attempt in self.attempts:
            if attempt.claim.session == session and attempt.claim.epoch == running and self.chance.random() < 0.5:
                attempt.cancelled = True

    def _spread(self, session: str, payload: bytes) -> None:
        for client in self.clients:
            if client.session == session:
                client.inbound.append(payload)

    def append(self, session: str, commands: Sequence[bytes]) -> Any:
        """Writes a chunk as a worker does, unless not all of its commands arrive.

        Returns:
            Its id, None if the session is gone, or the error that refused it.
        """
        journal = self.journals[session]
        reply = None
        if commands:
            entry = _chunk(commands[0])
            reply = self.connection.pipeline(*commands)[0]
            self.note("   chunk", session, entry.id, "->", reply)
            if isinstance(reply, ReplyError):
                full = self.full and str(reply).startswith("OOM")
                require(full or "equal or smaller" in str(reply), "C: a chunk failed", entry, reply)
                journal.refused.add(entry.id)
                self.happened["chunk without memory" if full else "chunk refused"] += 1
            elif reply is None:
                require(journal.gone, "C: a chunk found no log", entry)
                journal.refused.add(entry.id)
            else:
                require(not journal.gone, "G: a chunk made a log", entry)
                journal.chunk(entry)
        for _, payload in self.connection.heard():
            self._spread(session, payload)
        return reply

    def make_group(self) -> None:
        ready = self.keys(SESSIONS[0]).ready
        self.connection.run("XGROUP", "CREATE", ready, GROUP, "0", "MKSTREAM")

    # Sessions

    def _create(self, session: str) -> None:
        start = None
        while start is None:
            with suppress(Unavailable):
                digest, bot = f"digest of {session}", BOTS[session]
                start = drive(self.scripts.create(self.keys(session), session, "Ada", digest, bot))
        require(start == iso(self.now), "D: the session began at another time", start)

    def alive(self) -> list[str]:
        return [name for name in self.sessions if not self.journals[name].gone]

    def delete(self, session: str) -> None:
        """Ends a session, as expiry does."""
        self.connection.run("DEL", *self.keys(session).owned)
        self.expired(session)

    def expired(self, session: str) -> None:
        """Notes that a session is gone."""
        journal = self.journals[session]
        if not journal.gone:
            self.note("   gone", session)
            self.happened["expired"] += 1
            journal.gone = True
            journal.running = None
            self.buried += journal.letters

    # Failover

    def replicate(self) -> None:
        """Remembers the whole server, as a replica does that hears nothing from now on."""
        names = [key for key in self.connection.run("KEYS", "*") if key != CLOCK.encode()]
        names.sort()
        ends = self.connection.pipeline(*[("PEXPIRETIME", key) for key in names])
        values = self.connection.pipeline(*[("DUMP", key) for key in names])
        journals = {name: journal.clone() for name, journal in self.journals.items()}
        self.copy = Copy(list(zip(names, ends, values, strict=True)), journals, list(self.buried))

    def fail_over(self) -> None:
        """Puts the copy in the server's place, with another clock and without scripts."""
        assert self.copy is not None
        self.fill(False)
        keys, self.journals, self.buried = self.copy
        self.copy = None
        self.histories += 1
        self.happened["failover"] += 1
        restore = [("RESTORE", key, max(end, 0), value, "ABSTTL") for key, end, value in keys]
        replies = self.connection.pipeline(("FLUSHALL",), ("SCRIPT", "FLUSH"), *restore)
        assert all(reply == b"OK" for reply in replies), replies
        self.advance(self.chance.choice((-3_600_000, -60_000, -3000, -15, 0, 5, 40, 4000)))
        self.late.clear()
        if self.chance.random() < 0.5:
            self.router.delayed.clear()
        for attempt in self.attempts:
            attempt.move()
        for client in self.clients:
            client.lose_live()
