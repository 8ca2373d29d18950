"""Runs scripts and commands at whichever server owns their partition, and deals with every error reply.

Whatever runs here is idempotent: after a lost connection nobody knows whether a command happened, so it is sent again.
`send` is the exception, for callers that know how to ask.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable, Sequence
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from unbroken.errors import Unavailable
from unbroken.redis.dial import Dialer, Greeting
from unbroken.redis.group import Group
from unbroken.redis.link import Link
from unbroken.redis.topology import Node, Topology
from unbroken.redis.wire import Command, RedisReplyError, Wire, Word

logger = logging.getLogger("unbroken.redis")

PAUSE = 0.05
"""Seconds between two tries, give or take a half: long enough not to flood, short enough not to be felt."""

REMINDER = 60.0
"""Seconds until it is said again that a server refuses to write."""


class Script(NamedTuple):
    """A Lua script. It must be idempotent."""

    name: str
    sha: str
    source: str


class Remedy(Enum):
    """What the router does about an error."""

    FOLLOW = "the slot has a new owner: learn it, and go there"
    ASK = "the slot is moving: ask its next owner, this once"
    WAIT = "not now: wait a little, look again, retry"
    LEAVE = "the server is no primary any more: drop the connection, wait, look again, retry"
    LOAD = "the server does not know the script: load it, retry"
    REFUSE = "the server cannot write: tell the client to come back later"
    RECONNECT = "nobody knows whether it happened: look again, send again"
    RAISE = "the command itself is wrong: tell the caller"


_REMEDIES = {
    "MOVED": Remedy.FOLLOW,
    "ASK": Remedy.ASK,
    "TRYAGAIN": Remedy.WAIT,
    "CLUSTERDOWN": Remedy.WAIT,
    "LOADING": Remedy.WAIT,
    "BUSY": Remedy.WAIT,
    "READONLY": Remedy.LEAVE,
    "MASTERDOWN": Remedy.LEAVE,
    "NOSCRIPT": Remedy.LOAD,
    "OOM": Remedy.REFUSE,
    "MISCONF": Remedy.REFUSE,
    "NOREPLICAS": Remedy.REFUSE,
}

_REFUSALS = {
    "OOM": "Redis has no memory left",
    "MISCONF": "Redis cannot write to its disk",
    "NOREPLICAS": "Redis has too few replicas to write",
}


def classify(error: Exception) -> Remedy:
    """The remedy for an error. One table, and nothing else decides."""
    if isinstance(error, RedisReplyError):
        return _REMEDIES.get(error.code, Remedy.RAISE)
    if isinstance(error, OSError):
        return Remedy.RECONNECT
    return Remedy.RAISE


def redirection(error: Exception, asked: Node) -> tuple[int, Node]:
    """Reads `MOVED 3999 10.0.0.7:6379`: the slot and where it is. An empty host is the one that was asked."""
    _, slot, address = str(error).split()[:3]
    host, _, port = address.rpartition(":")
    return int(slot), Node(host or asked.host, int(port))


async def _asking(wire: Wire, command: Command) -> Any:
    _, reply = await wire.batch((("ASKING",), command))
    if isinstance(reply, RedisReplyError):
        raise reply
    return reply


def _recoverable(error: Exception) -> Exception:
    if classify(error) is Remedy.RAISE:
        raise error
    return error


_Attempt: TypeAlias = Callable[[Node, Wire, bool], Awaitable[Any]]
"""One try at a node, on its connection; True if it must say ASKING first."""

Call: TypeAlias = Coroutine[Any, Any, Any]
"""What a caller awaits for the reply."""


class Router:
    """The connections for commands, one for each server.

    Args:
        timeout: seconds until a call gives up with Unavailable.
        group: confirms writes on replicas, or None if nobody asks for that.
    """

    def __init__(self, dialer: Dialer, topology: Topology, timeout: float, group: Group | None = None) -> None:
        self._dialer = dialer
        self._topology = topology
        self._timeout = timeout
        self._group = group
        self._closed = False
        self._links: dict[Node, Link] = {}
        self._loading: dict[tuple[Node, str], asyncio.Future[Any]] = {}
        self._complained: dict[tuple[Node, str], float] = {}

    async def greet(self, node: Node) -> Greeting:
        """Connects, and returns what the server says about itself.

        Raises:
            ConnectionError: as in `Dialer.dial`; nothing is repeated.
        """
        link = self._link(node)
        await link.open()
        return link.greeting

    def run(self, tag: str, script: Script, keys: Sequence[str], args: Sequence[Word]) -> Call:
        """Runs a script and returns its reply.

        Raises:
            Unavailable: no answer before the deadline, or the server cannot write; it may have happened all the same.
            RedisReplyError: the script failed.
        """
        return self._one(tag, ("EVALSHA", script.sha, len(keys), *keys, *args), script)

    async def confirm(self, tag: str, script: Script, keys: Sequence[str], args: Sequence[Word]) -> tuple[Any, bool]:
        """Runs a script; also returns whether as many servers have its writes as `ack` demands. Raises as `run`."""
        group = self._group
        if group is None:
            return await self.run(tag, script, keys, args), True
        command: Command = ("EVALSHA", script.sha, len(keys), *keys, *args)
        found: tuple[Any, bool] = await self._repeat(tag, lambda node, wire, ask: group.run(node, command, ask), script)
        return found

    def command(self, tag: str, *args: Word) -> Call:
        """Runs one idempotent command and returns its reply. Raises as `run`."""
        return self._one(tag, args)

    async def pipeline(self, tag: str, *commands: Command, errors: bool = False) -> list[Any]:
        """Runs idempotent commands in one write and returns their replies. All are sent again if one must be.

        The error reply of a wrong command is raised, or put into the list if `errors` is True. Raises as `run`.
        """

        async def attempt(node: Node, wire: Wire, ask: bool) -> list[Any]:
            if ask:
                replies = (await wire.batch(word for command in commands for word in (("ASKING",), command)))[1::2]
            else:
                replies = await wire.batch(commands)
            for reply in replies:
                if isinstance(reply, RedisReplyError) and not (errors and classify(reply) is Remedy.RAISE):
                    raise reply
            return replies

        replies: list[Any] = await self._repeat(tag, attempt)
        return replies

    def connection(self, tag: str) -> Hashable | None:
        """The open connection that serves a tag now, if there is one.

        What goes to tags of the same connection may go in one `send`. Another connection than before may lead to
        another server: to one that lost what the first had acknowledged.
        """
        return self._link(self._topology.node(tag)).wire

    def send(self, tag: str, commands: Iterable[Command]) -> asyncio.Future[list[Any]]:
        """Sends commands in one write, at once and only once, in the order of the calls for a tag.

        The future holds their replies, errors among them as RedisReplyError. It fails with ConnectionError if the
        connection is not there or is lost; then nobody knows which of them happened.
        """
        link = self._link(self._topology.node(tag))
        wire = link.wire
        if wire is not None:
            return wire.batch(commands)
        link.wake()
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        future.set_exception(ConnectionError("not connected to Redis"))
        future.exception()  # the caller may look later, or not at all
        return future

    async def close(self) -> None:
        """Closes the connections, those for acknowledgements too; what still waits fails with Unavailable."""
        self._closed = True
        if self._group is not None:
            await self._group.close()
        for link in self._links.values():
            await link.close()

    def _one(self, tag: str, command: Command, script: Script | None = None) -> Call:
        def attempt(node: Node, wire: Wire, ask: bool) -> Awaitable[Any]:
            return _asking(wire, command) if ask else wire.call(*command)

        return self._repeat(tag, attempt, script)

    async def _repeat(self, tag: str, attempt: _Attempt, script: Script | None = None) -> Any:
        """Tries until it is done or the deadline has passed.

        The first try runs without a timer of its own: the wire bounds it, and nearly every call needs no other.
        """
        began = time.monotonic()
        node, ask = self._topology.node(tag), False
        failure: Exception | None = None
        wire = self._link(node).wire
        if wire is not None and not wire.paused:
            try:
                return await attempt(node, wire, ask)
            except Exception as error:
                failure = _recoverable(error)
        try:
            async with asyncio.timeout(began + self._timeout - time.monotonic()):
                while True:
                    try:
                        if failure is not None:
                            node, ask = await self._recover(failure, tag, node, script)
                        return await attempt(node, await self._wire(node), ask)
                    except Exception as error:
                        failure = _recoverable(error)
        except TimeoutError:
            raise Unavailable(f"Redis did not answer within {self._timeout:g} s") from failure

    async def _recover(self, error: Exception, tag: str, asked: Node, script: Script | None) -> tuple[Node, bool]:
        """Does what the table says, and returns where to try next and whether to say ASKING there."""
        match classify(error):
            case Remedy.FOLLOW:
                self._topology.moved(*redirection(error, asked))
            case Remedy.ASK:
                return redirection(error, asked)[1], True
            case Remedy.LOAD:
                assert script is not None, "scripts go through run"
                await self._load(asked, script)
                return asked, asked != self._topology.node(tag)
            case Remedy.RECONNECT:
                if self._closed:
                    raise Unavailable("this connection to Redis was closed") from None
                await self._topology.refresh()  # and the link paces itself
            case Remedy.WAIT:
                await self._pause()
            case Remedy.LEAVE:
                self._link(asked).drop(str(error))
                if self._group is not None:
                    self._group.drop(asked, str(error))
                await self._pause()
            case Remedy.REFUSE:
                assert isinstance(error, RedisReplyError)
                self._complain(asked, error)
                raise Unavailable(f"{_REFUSALS[error.code]}; try again later") from error
            case Remedy.RAISE:
                raise error
        return self._topology.node(tag), False

    def _complain(self, node: Node, error: RedisReplyError) -> None:
        """Says that a server cannot write: now and then, however many calls it refuses."""
        now = asyncio.get_running_loop().time()
        if now - self._complained.get((node, error.code), -REMINDER) >= REMINDER:
            self._complained[node, error.code] = now
            logger.warning("%s (%s): %s", _REFUSALS[error.code], self._dialer.describe(node), error)

    async def _pause(self) -> None:
        await asyncio.sleep(PAUSE * random.uniform(0.5, 1.5))  # noqa: S311 - only spreads the load
        await self._topology.refresh()

    async def _load(self, node: Node, script: Script) -> None:
        """Loads a script, once for all callers that miss it."""
        key = (node, script.sha)
        loading = self._loading.get(key)
        if loading is None:
            wire = await self._wire(node)
            loading = self._loading[key] = wire.call("SCRIPT", "LOAD", script.source)
            loading.add_done_callback(lambda _: self._loading.pop(key, None))
        await asyncio.shield(loading)

    def _link(self, node: Node) -> Link:
        link = self._links.get(node)
        if link is None:
            link = self._links[node] = Link(self._dialer, node, "unbroken")
        return link

    async def _wire(self, node: Node) -> Wire:
        wire = await self._link(node).open()
        if wire.paused:
            await wire.writable()
        return wire
