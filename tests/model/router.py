"""The router of a bad day: calls whose reply is lost and that are sent again, calls that arrive late or never.

It stands in for the real one under the real `Scripts`, `Queue` and `Log`, and never waits: their coroutines run to the
end in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any, TypeVar

import msgspec

from tests.model.connection import Connection, Word
from tests.model.replies import LAWS, Call
from tests.model.violation import require
from unbroken.errors import Unavailable
from unbroken.redis.router import Script
from unbroken.scripts import FORGET, Code, words

T = TypeVar("T")

IDEMPOTENT = {
    ("accept", Code.OK): Code.DUP,
    ("finish", Code.OK): Code.ALREADY,
    ("release", Code.OK): Code.LOST,
    ("take", Code.EMPTY): Code.STALE,
    ("delete", Code.OK): Code.GONE,
}
"""What a repeated call answers where it is not the same again."""


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waits for something")


class FaultyRouter:
    """Runs scripts, sometimes twice, sometimes later, sometimes not at all.

    Args:
        execute: runs a call on the server.

    Attributes:
        delayed: copies of calls that are still on their way.
    """

    def __init__(self, connection: Connection, chance: Random, execute: Callable[[Call], Any]) -> None:
        self._connection = connection
        self._chance = chance
        self._execute = execute
        self.delayed: list[Call] = []

    async def run(self, tag: str, script: Script, keys: Sequence[str], args: Sequence[Word]) -> Any:
        if script.name == FORGET:
            call = Call(FORGET, "", tuple(keys), (), tuple(args))
            return max(self._execute(call) for _ in range(2))
        call = Call(script.name, str(args[0]), tuple(keys), tuple(args[:3]), tuple(args[3:]))
        fate = self._chance.random()
        if call.script == "resume":  # it changes nothing, whenever it arrives
            return self._execute(call)
        if fate < 0.08 and call.script != "create":  # ids of sessions are never used again
            self.delayed.append(call)
        if fate < 0.03:
            raise Unavailable("the connection was lost, and the deadline has passed")
        reply = self._execute(call)
        if fate > 0.85:
            return self._again(call, reply)
        if fate > 0.83:
            raise Unavailable("the reply was lost, and the deadline has passed")
        return reply

    async def confirm(self, tag: str, script: Script, keys: Sequence[str], args: Sequence[Word]) -> tuple[Any, bool]:
        return await self.run(tag, script, keys, args), True

    async def command(self, tag: str, *args: Word) -> Any:
        return self._connection.run(*args)

    async def pipeline(self, tag: str, *commands: tuple[Word, ...], errors: bool = False) -> list[Any]:
        return self._connection.pipeline(*commands)

    def _again(self, call: Call, reply: Any) -> Any:
        again = self._execute(call)
        first, second = words(reply), words(again)
        code = Code(first[0].decode())
        expected = IDEMPOTENT.get((call.script, code), code)
        law = LAWS[call.script]
        require(second[0] == expected.encode(), f"{law}: {call.script} is not idempotent", call, first, second)
        if expected is code:
            same = _plain(second) == _plain(first)
            require(same, f"{law}: {call.script} is not idempotent", call, first, second)
        return again


def _plain(reply: list[Any]) -> list[Any]:
    """A reply whose JSON is read: the store names several paths in any order."""
    return [msgspec.json.decode(word) if isinstance(word, bytes) and word[:3] == b'{"$' else word for word in reply]
