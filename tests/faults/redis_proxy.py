"""A proxy that understands what a process of ours and Redis say to each other, and breaks it at an exact word.

Give each process a proxy of its own: then whoever speaks through it is known. A `Rule` judges every command before
Redis has it, every reply after Redis did it, and every live message. `Trap` is the rule that most faults need: at the
n-th call of this name, do that.

    trap = proxy.arm(Trap("finish", Moment.DONE, worker.kill))       # committed, but the worker never hears of it
    await trap.sprung()
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum
from functools import cache

from tests.faults.proxy import Cut, Line, Proxy, Way
from tests.faults.resp import Commands, Splitter, pack, parse
from unbroken.scripts import NAMES, load

NOTHING = (b"_\r\n", b"*-1\r\n", b"$-1\r\n")
"""Replies without content, as of a blocking read that waited in vain."""


class Verdict(Enum):
    """What becomes of a command, a reply or a live message."""

    PASS = "it is forwarded"
    DROP = "it is lost, and nobody is told; only for live messages"
    TWICE = "it is forwarded twice; only for live messages"
    CUT = "it is lost, and the connection with it"


class Call:
    """One command on its way.

    Attributes:
        name: of the script (`take`), else of the command (`XADD`).
        words: the whole command.
        reply: the raw reply, once there is one.
    """

    __slots__ = ("awaited", "name", "reply", "words")

    def __init__(self, words: list[bytes]) -> None:
        self.words = words
        self.reply = b""
        command = words[0].decode().upper()
        self.name = scripts().get(words[1], command) if command == "EVALSHA" else command
        self.awaited = len(words) - 1 if command in ("SSUBSCRIBE", "SUNSUBSCRIBE") else 1

    @property
    def session(self) -> str:
        """The session that a script or a chunk is about."""
        if self.name == "XADD":
            return self.words[1].decode().partition(":s:")[2].removesuffix(":log")
        return self._argument(1).decode() if self.words[0] == b"EVALSHA" else ""

    @property
    def epoch(self) -> int:
        """The attempt that a chunk, finish, renew or release belongs to."""
        if self.name == "XADD":
            return int(next(word for word in self.words[2:] if word != b"NOMKSTREAM").partition(b"-")[0])
        return int(self._argument(5 if self.name == "finish" else 4))

    def _argument(self, number: int) -> bytes:
        return self.words[2 + int(self.words[2]) + number]


@cache
def scripts() -> dict[bytes, str]:
    """SHA-1 → name of every script."""
    return {load(name).sha.encode(): name for name in NAMES}


class Rule:
    """Judges what passes. The base lets everything pass."""

    def command(self, call: Call) -> Verdict:
        """Redis does not have it yet."""
        return Verdict.PASS

    def reply(self, call: Call) -> Verdict:
        """Redis did it; who asked does not know yet."""
        return Verdict.PASS

    def message(self, channel: bytes, payload: bytes) -> Verdict:
        """A live message for a subscriber."""
        return Verdict.PASS


class Moment(Enum):
    """Where a trap waits."""

    ASKED = "before Redis has it"
    DONE = "after Redis did it, before the reply arrives"


class Trap(Rule):
    """Acts once, at the n-th call of a name that passes.

    Args:
        name: of a script or a command.
        action: called at that very moment; what it does to processes and proxies is done before anything is forwarded.
        verdict: what becomes of the command, or of its reply.
        count: which call it is, from 1.
        only: which calls count; a call whose reply is known has it.
    """

    def __init__(
        self,
        name: str,
        moment: Moment,
        action: Callable[[], None] = lambda: None,
        *,
        verdict: Verdict = Verdict.CUT,
        count: int = 1,
        only: Callable[[Call], bool] | None = None,
    ) -> None:
        self._name = name
        self._moment = moment
        self._action = action
        self._verdict = verdict
        self._left = count
        self._only = only or (lambda call: call.reply not in NOTHING)
        self.call: Call | None = None
        self._sprung = asyncio.Event()

    async def sprung(self, timeout: float) -> bool:
        """Waits until it has acted; False if that did not happen in time. Then it never will."""
        try:
            async with asyncio.timeout(timeout):
                await self._sprung.wait()
        except TimeoutError:
            self._left = 0
        return self._sprung.is_set()

    def command(self, call: Call) -> Verdict:
        return self._judge(Moment.ASKED, call)

    def reply(self, call: Call) -> Verdict:
        return self._judge(Moment.DONE, call)

    def _judge(self, moment: Moment, call: Call) -> Verdict:
        if self._left <= 0 or moment is not self._moment or call.name != self._name or not self._only(call):
            return Verdict.PASS
        self._left -= 1
        if self._left:
            return Verdict.PASS
        self.call = call
        self._sprung.set()
        self._action()
        return self._verdict


class RedisLine(Line):
    """One connection to Redis."""

    def __init__(self, proxy: RedisProxy, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        super().__init__(proxy, near, far)
        self._rules = proxy.rules
        self._commands = Commands()
        self._replies = Splitter()
        self._calls: deque[Call] = deque()
        self.live = False

    def through(self, way: Way, data: bytes) -> Iterator[bytes]:
        passed = bytearray()
        for verdict, raw in self._up(data) if way is Way.UP else self._down(data):
            if verdict is Verdict.CUT:
                yield bytes(passed)
                raise Cut
            if verdict is not Verdict.DROP:
                passed += raw * (2 if verdict is Verdict.TWICE else 1)
        yield bytes(passed)

    def _up(self, data: bytes) -> Iterator[tuple[Verdict, bytes]]:
        for words in self._commands.feed(data):
            call = Call(words)
            self.live = self.live or call.name == "SSUBSCRIBE"
            self._calls.append(call)
            yield _worst(rule.command(call) for rule in self._rules), pack(words)

    def _down(self, data: bytes) -> Iterator[tuple[Verdict, bytes]]:
        for raw in self._replies.feed(data):
            if raw.startswith(b">"):
                yield self._pushed(raw), raw
            else:
                call = self._calls.popleft()
                call.reply = raw
                yield _worst(rule.reply(call) for rule in self._rules), raw

    def _pushed(self, raw: bytes) -> Verdict:
        kind, channel, payload = parse(raw)
        if kind == b"smessage":
            return _worst(rule.message(channel, payload) for rule in self._rules)
        if self._calls and self._calls[0].name == kind.decode().upper():
            self._calls[0].awaited -= 1
            if not self._calls[0].awaited:
                self._calls.popleft()
        return Verdict.PASS


def _worst(verdicts: Iterator[Verdict]) -> Verdict:
    """Every rule sees everything; the first that objects decides."""
    decided = Verdict.PASS
    for verdict in verdicts:
        if decided is Verdict.PASS:
            decided = verdict
    return decided


class RedisProxy(Proxy):
    """Stands between one process and Redis.

    Attributes:
        rules: asked in order about everything that passes; changed at any time.
    """

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.rules: list[Rule] = []

    @property
    def address(self) -> str:
        """What the process is given as REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}"

    def line(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> RedisLine:
        return RedisLine(self, near, far)

    def arm(self, trap: Trap) -> Trap:
        """Sets a trap and returns it."""
        self.rules.append(trap)
        return trap

    def disarm(self, rule: Rule) -> None:
        """Takes a rule away, if it is there."""
        if rule in self.rules:
            self.rules.remove(rule)

    def cut_live(self) -> None:
        """Resets the connections that carry subscriptions, and no other."""
        for line in list(self.lines):
            if isinstance(line, RedisLine) and line.live:
                line.cut()
