"""Writes what all running replies say, with natural batching.

When nothing is under way, a piece leaves at once. Everything that arrives while a flush is unanswered, of all replies,
goes into the next one. So an idle system has the lowest latency and a busy one the largest batches.

A round trip that becomes slow says that something on the way has too much to do: this worker, Redis, the machine. So
flushes leave no more often than every other round trip, within 20 ms, and each carries more. The first words of a reply
do not wait for that.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import time
from collections.abc import Callable, Hashable
from typing import Any

from unbroken.claim import Claim
from unbroken.errors import Unavailable
from unbroken.keys import Keys
from unbroken.log import Log
from unbroken.redis.router import Remedy, Router, classify
from unbroken.redis.wire import RedisReplyError
from unbroken.worker.channel import Channel, State

logger = logging.getLogger("unbroken.worker")

STALL = 0.1
"""Seconds after which a flush is not waited for by the replies that are not in it: one silent server of a cluster holds
up only its own sessions."""

PERIOD = 2
"""Round trips from one flush to the next, at least."""

LONGEST_PERIOD = 0.02
"""Seconds from one flush to the next, at most."""

_TICK = 0.001
"""Seconds that are not worth a timer."""

LONGEST_PAUSE = 5.0
"""Seconds between two tries to write, at most, while Redis is away or refuses."""


class Outbox:
    """The way of all replies of this process into their logs.

    A lost connection loses nothing: each reply in the flush asks its log what arrived, sends what is missing again as
    it was, and goes on. That lasts as long as it must; the replies are not held up by it.
    """

    def __init__(self, router: Router, log: Log, keys: Keys, reply_bytes: int) -> None:
        self._router = router
        self._log = log
        self._keys = keys
        self._reply_bytes = reply_bytes
        self._loop = asyncio.get_running_loop()
        self._beginning: list[Channel] = []
        self._waiting: list[Channel] = []
        self._soon = False
        self._timer: asyncio.TimerHandle | None = None
        self._flush_number = 0
        self._unanswered = 0
        self._flushed_at = 0.0
        self._round_trip = 0.0
        self._recovering = 0

    def open(self, claim: Claim, *, on_lost: Callable[[], None], on_gone: Callable[[], None]) -> Channel:
        """Opens the channel of a reply that begins."""
        keys = self._keys.session(claim.session)
        connection = self._router.connection(keys.tag)
        return Channel(self, claim, keys, self._reply_bytes, on_lost=on_lost, on_gone=on_gone, connection=connection)

    def enqueue(self, channel: Channel) -> None:
        """Sends what the channel holds, with the next flush. Once it is queued, this need not be called again."""
        if not channel.queued:
            channel.queued = True
            (self._waiting if channel.begun else self._beginning).append(channel)
            self._plan()

    def _plan(self) -> None:
        """Sets the time of the next flush."""
        if self._soon or (self._timer is not None and not self._beginning):
            return
        wait = self._wait()
        if wait < _TICK:
            self._soon = True
            self._loop.call_soon(self._flush)
        elif self._timer is None:
            self._timer = self._loop.call_later(wait, self._wait_ends)

    def _wait(self) -> float:
        """Seconds until the next flush may leave, unless the one under way is answered before."""
        if self._unanswered:
            return self._left(STALL)
        return 0.0 if self._beginning else self._left(self._period)

    def _left(self, pause: float) -> float:
        """Seconds until so many have passed since the last flush."""
        return self._flushed_at + pause - time.monotonic()

    @property
    def _period(self) -> float:
        return min(LONGEST_PERIOD, PERIOD * self._round_trip)

    def _wait_ends(self) -> None:
        self._timer = None
        if self._waiting or self._beginning:
            self._plan()

    def _flush(self) -> None:
        self._soon = False
        flushed, self._beginning = self._beginning, []
        if self._left(self._period) < _TICK:
            flushed += self._waiting
            self._waiting = []
        connections: dict[str, Hashable | None] = {}
        batches: dict[Hashable, list[Channel]] = {}
        for channel in flushed:
            channel.queued = False
            if not channel.due:
                continue
            tag = channel.keys.tag
            if tag not in connections:
                connections[tag] = self._router.connection(tag)
            connection = connections[tag]
            if connection is None or connection is not channel.connection:
                # After a failover, what was acknowledged may be missing there: a later chunk would leave a hole.
                self.recover(channel, ConnectionError("the connection was lost"))
            else:
                batches.setdefault(connection, []).append(channel)
        if not batches:
            return
        self._flush_number += 1
        self._unanswered = len(batches)
        self._flushed_at = time.monotonic()
        for channels in batches.values():
            commands: list[bytes] = []
            for channel in channels:
                commands += channel.commands(channel.cut())
                channel.in_flight = True
            future = self._router.send(channels[0].keys.tag, commands)
            future.add_done_callback(functools.partial(self._answered, self._flush_number, channels))

    def _answered(self, number: int, channels: list[Channel], future: asyncio.Future[list[Any]]) -> None:
        error = future.exception()
        if error is not None:
            for channel in channels:
                self.recover(channel, error)
        else:
            for channel, reply in zip(channels, future.result()[::2], strict=True):
                if type(reply) is bytes:
                    channel.answered()
                    if channel.due:
                        self.enqueue(channel)
                else:
                    self._refused(channel, reply)
        if number == self._flush_number:
            self._unanswered -= 1
            if not self._unanswered:
                self._round_trip += (time.monotonic() - self._flushed_at - self._round_trip) / 8
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
        if self._waiting or self._beginning:
            self._plan()

    def _refused(self, channel: Channel, reply: RedisReplyError | None) -> None:
        """Redis wrote nothing: nil if there is no log any more, else an error."""
        channel.in_flight = False
        if channel.state is State.CLOSED:
            return
        if reply is None:
            channel.close()
            channel.on_gone()
        elif "equal or smaller" in str(reply):
            channel.close()
            channel.on_lost()
        else:
            self.recover(channel, reply)

    # After a loss

    def recover(self, channel: Channel, error: BaseException) -> None:
        """Finds out what the log of a reply holds, and sends again the rest, as it was, before anything else."""
        channel.in_flight = False
        if channel.state is not State.OPEN:
            return
        if not self._recovering:
            logger.warning("replies cannot be written now, and wait: %s", error)
        self._recovering += 1
        channel.state = State.RECOVERING
        channel.recovery = self._loop.create_task(self._catch_up(channel))
        channel.recovery.add_done_callback(functools.partial(self._recovered, channel))

    def _recovered(self, channel: Channel, task: asyncio.Task[None]) -> None:
        self._recovering -= 1
        channel.recovery = None
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("session %s: the reply is written only at its end", channel.claim.session, exc_info=error)
            channel.close()
        if channel.state is State.RECOVERING:
            if not self._recovering:
                logger.info("all replies are written again")
            channel.state = State.OPEN
            channel.answered()
            if channel.due:
                self.enqueue(channel)

    async def _catch_up(self, channel: Channel) -> None:
        """Sends again, unchanged, whatever the log does not hold. Redis may be away for as long as it likes.

        What is found out holds for one server. A chunk that went to the next one would leave a hole in its log: each is
        sent on the connection that said what comes before it, or not at all.
        """
        tag, pause = channel.keys.tag, 0.05
        while True:
            connection = self._router.connection(tag)
            try:
                top = await self._log.top(channel.claim.session)
                if connection is None or connection is not self._router.connection(tag):
                    continue
                if top is None or top.first != channel.claim.epoch:
                    channel.recovery = None  # this very task: closing must not cancel it
                    channel.close()
                    (channel.on_gone if top is None else channel.on_lost)()
                    return
                if top.second + 1 >= channel.next_seq:
                    channel.connection = connection
                    return
                reply = (await self._router.send(tag, channel.commands(top.second + 1)))[0]
                if isinstance(reply, RedisReplyError) and "equal or smaller" not in str(reply):
                    if classify(reply) is Remedy.RAISE:
                        raise reply
                    raise Unavailable(str(reply))
            except (Unavailable, ConnectionError):
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - only spreads the load
                pause = min(LONGEST_PAUSE, pause * 2)
