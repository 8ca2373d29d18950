"""Live messages: sharded subscriptions that survive the loss of their connection.

Pub/sub forgets, so every re-subscription may have missed something: its channel gets a gap, and whoever listens reads
the log. One connection for each server, apart from commands: a subscriber that Redis cuts off harms nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from unbroken.errors import ConfigurationError, Unavailable
from unbroken.redis.dial import Dialer
from unbroken.redis.link import Link
from unbroken.redis.router import PAUSE, Remedy, classify, redirection
from unbroken.redis.topology import Node, Topology
from unbroken.redis.wire import RedisReplyError, Wire

logger = logging.getLogger("unbroken.redis")

_BATCH = 500
"""Channels in one SSUBSCRIBE."""


class _Channel:
    """A wanted channel. `confirmed` is done once Redis confirmed it for the first time."""

    __slots__ = ("confirmed", "feed", "name", "tag", "waiting")

    def __init__(self, name: str, tag: str) -> None:
        self.name = name
        self.tag = tag
        self.feed: _Feed | None = None
        self.waiting = 0
        self.confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Live:
    """The subscriptions of one process.

    Args:
        timeout: seconds until `subscribe` gives up.
        on_message: gets channel and payload, in the order of publication for each channel. It must not block.
        on_gap: gets a channel whose messages may have been lost, after it was subscribed to again.
        probe: seconds of silence after which a connection is probed.
    """

    def __init__(
        self,
        dialer: Dialer,
        topology: Topology,
        timeout: float,
        on_message: Callable[[str, bytes], None],
        on_gap: Callable[[str], None],
        *,
        probe: float = 10.0,
    ) -> None:
        self._dialer = dialer
        self._topology = topology
        self._timeout = timeout
        self._on_message = on_message
        self._on_gap = on_gap
        self._probe = probe
        self._wanted: dict[bytes, _Channel] = {}
        self._feeds: dict[Node, _Feed] = {}
        self._moves: set[asyncio.Task[None]] = set()
        self._strays: list[_Channel] = []

    async def start(self) -> None:
        """Begins to connect, so that the first subscription need not wait for it."""
        self._feed(self._topology.node("0"))

    async def subscribe(self, channel: str, tag: str) -> None:
        """Returns when Redis has confirmed the subscription: what is published from now on arrives.

        Raises:
            Unavailable: it did not in time; the channel is not wanted any more.
        """
        wanted = self._wanted.get(channel.encode())
        if wanted is None:
            wanted = self._wanted[channel.encode()] = _Channel(channel, tag)
            self._place([wanted])
        wanted.waiting += 1
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.shield(wanted.confirmed)
        except (TimeoutError, RedisReplyError, ConnectionError) as error:
            raise Unavailable(f"no subscription: {error or 'Redis does not answer'}") from None
        finally:
            wanted.waiting -= 1
            if not wanted.waiting and not self._subscribed(wanted):
                self.unsubscribe(channel, tag)

    def unsubscribe(self, channel: str, tag: str) -> None:
        """Ends a subscription: not one more message of it is delivered."""
        wanted = self._wanted.pop(channel.encode(), None)
        if wanted is not None and wanted.feed is not None:
            wanted.feed.unsubscribe(wanted)

    async def close(self) -> None:
        """Ends all subscriptions and closes the connections."""
        for wanted in self._wanted.values():
            if not wanted.confirmed.done():
                wanted.confirmed.set_exception(ConnectionError("closed"))
                wanted.confirmed.exception()
        self._wanted.clear()
        for move in self._moves:
            move.cancel()
        for feed in list(self._feeds.values()):
            await feed.close()
        if self._moves:
            await asyncio.wait(self._moves)

    # What the feeds tell

    def channels(self, feed: _Feed) -> list[_Channel]:
        """The channels that a feed is to carry."""
        return [wanted for wanted in self._wanted.values() if wanted.feed is feed]

    def pushed(self, push: list[Any]) -> None:
        """Delivers a message, and takes care of a subscription that the server ended."""
        if push[0] == b"smessage":
            wanted = self._wanted.get(push[1])
            if wanted is not None:
                _guarded(self._on_message, wanted.name, push[2])
        elif push[0] == b"sunsubscribe":
            wanted = self._wanted.get(push[1])
            if wanted is not None:
                self._strays.append(wanted)
                if len(self._strays) == 1:  # a slot that moves takes all its channels along
                    asyncio.get_running_loop().call_soon(self._gather)

    def _gather(self) -> None:
        strays, self._strays = self._strays, []
        self.astray(strays, None)

    async def lost(self, feed: _Feed) -> bool:
        """A feed lost its connection. Its channels go where they belong now; returns whether it still has any."""
        await self._topology.refresh()
        node = feed.link.node
        self._place([wanted for wanted in self.channels(feed) if self._topology.node(wanted.tag) != node])
        if self.channels(feed):
            return True
        self._feeds.pop(node, None)
        return False

    def confirmed(self, channels: Iterable[_Channel]) -> None:
        """Redis confirmed these: for the first time, or again, and then something may be missing."""
        for wanted in channels:
            if not wanted.confirmed.done():
                wanted.confirmed.set_result(None)
            elif self._wanted.get(wanted.name.encode()) is wanted:
                _guarded(self._on_gap, wanted.name)

    def astray(self, channels: list[_Channel], error: RedisReplyError | None) -> None:
        """These lost their place: the server refused them, or gave their slot away."""
        move = asyncio.create_task(self._move(channels, error))
        self._moves.add(move)
        move.add_done_callback(self._moves.discard)

    async def _move(self, channels: list[_Channel], error: RedisReplyError | None) -> None:
        refusal: Exception | None = None
        pause = PAUSE
        followed = False
        if error is not None:
            try:
                match classify(error):
                    case Remedy.FOLLOW:
                        asked = channels[0].feed
                        self._topology.moved(*redirection(error, asked.link.node if asked else Node()))
                        followed = True
                    case Remedy.RAISE:
                        raise error
            except (RedisReplyError, ConfigurationError) as wrong:
                refusal, pause = wrong, 20 * PAUSE
                logger.error("Redis refuses %d subscriptions: %s", len(channels), wrong)
        for wanted in channels:
            wanted.feed = None
            if refusal is not None and not wanted.confirmed.done():
                wanted.confirmed.set_exception(refusal)
                wanted.confirmed.exception()
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - only spreads the load
        if not followed:
            await self._topology.refresh()
        self._place([wanted for wanted in channels if self._wanted.get(wanted.name.encode()) is wanted])

    def _place(self, channels: Iterable[_Channel]) -> None:
        homes = defaultdict(list)
        for wanted in channels:
            homes[self._topology.node(wanted.tag)].append(wanted)
        for node, mine in homes.items():
            feed = self._feed(node)
            for wanted in mine:
                wanted.feed = feed
            feed.subscribe(mine)

    def _feed(self, node: Node) -> _Feed:
        feed = self._feeds.get(node)
        if feed is None:
            feed = self._feeds[node] = _Feed(self, self._dialer, node, self._probe)
        return feed

    @staticmethod
    def _subscribed(wanted: _Channel) -> bool:
        done = wanted.confirmed
        return done.done() and done.exception() is None


class _Feed:
    """The connection to one server that carries subscriptions. It comes back as long as it has any."""

    def __init__(self, live: Live, dialer: Dialer, node: Node, probe: float) -> None:
        self._live = live
        self.link = Link(dialer, node, "unbroken-live", probe=probe, on_push=live.pushed)
        self._wire: Wire | None = None
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            with suppress(ConnectionError):  # the link paces itself
                wire = await self.link.open()
                self._wire = wire  # from now on, new channels are subscribed to as they come
                self.subscribe(self._live.channels(self))
                await wire.ended()
                self._wire = None
            if not await self._live.lost(self):
                return

    def subscribe(self, channels: Iterable[_Channel]) -> None:
        """Subscribes, now or as soon as there is a connection. Channels of one tag, so of one slot, go together."""
        tags = defaultdict(list)
        for wanted in channels:
            tags[wanted.tag].append(wanted)
        for same in tags.values():
            for start in range(0, len(same), _BATCH):
                part = same[start : start + _BATCH]
                if self._wire is not None and self._wire.open:
                    answer = self._wire.subscribe(*(wanted.name for wanted in part))
                    answer.add_done_callback(partial(self._answered, part))

    def _answered(self, part: list[_Channel], answer: asyncio.Future[None]) -> None:
        error = answer.exception()
        if error is None:
            self._live.confirmed(part)
        elif isinstance(error, RedisReplyError):
            self._live.astray(part, error)
        # else the connection was lost, and _run subscribes again

    def unsubscribe(self, wanted: _Channel) -> None:
        if self._wire is not None and self._wire.open:
            answer = self._wire.unsubscribe(wanted.name)
            answer.add_done_callback(lambda future: future.exception())  # whatever it is, nobody wants it any more

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        await self.link.close()


def _guarded(callback: Callable[..., None], *args: Any) -> None:
    """A listener's mistake must not end the connection that all of them share."""
    try:
        callback(*args)
    except Exception:
        logger.exception("a listener of live messages failed")
