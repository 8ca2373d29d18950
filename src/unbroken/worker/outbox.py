"""Writes what all running replies say, with natural batching.

When nothing is under way, a piece leaves at once. Everything that arrives while a flush is unanswered, of all replies,
goes into the next one. So an idle system has the lowest latency and a busy one the largest batches, without a timer.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import random
from collections.abc import Callable
from typing import Any

from unbroken.errors import Unavailable
from unbroken.keys import Keys
from unbroken.log import Log
from unbroken.queue import Claim
from unbroken.redis.router import Router
from unbroken.redis.wire import RedisReplyError
from unbroken.worker.channel import Channel, State

logger = logging.getLogger("unbroken.worker")

STALL = 0.1
"""Seconds after which a flush is not waited for by the replies that are not in it: one silent server of a cluster holds
up only its own sessions."""

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
        self._waiting: list[Channel] = []
        self._scheduled = False
        self._flush_number = 0
        self._unanswered = 0
        self._flushed_at = 0.0
        self._recovering = 0

    def open(self, claim: Claim, *, on_lost: Callable[[], None], on_gone: Callable[[], None]) -> Channel:
        """Opens the channel of a reply that begins."""
        keys = self._keys.session(claim.session)
        return Channel(self, claim, keys, self._reply_bytes, on_lost=on_lost, on_gone=on_gone)

    def enqueue(self, channel: Channel) -> None:
        """Sends what the channel holds, with the next flush."""
        if not channel.queued:
            channel.queued = True
            self._waiting.append(channel)
        if not self._scheduled and self._may_flush():
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _may_flush(self) -> bool:
        return not self._unanswered or self._loop.time() - self._flushed_at > STALL

    def _flush(self) -> None:
        self._scheduled = False
        batches: dict[str, list[Channel]] = {}
        waiting, self._waiting = self._waiting, []
        for channel in waiting:
            channel.queued = False
            if channel.due:
                batches.setdefault(channel.keys.tag, []).append(channel)
        if not batches:
            return
        self._flush_number += 1
        self._unanswered = len(batches)
        self._flushed_at = self._loop.time()
        for tag, channels in batches.items():
            commands: list[tuple[str | bytes, ...]] = []
            for channel in channels:
                commands += channel.commands(channel.cut())
                channel.in_flight = True
            future = self._router.send(tag, commands)
            future.add_done_callback(functools.partial(self._answered, self._flush_number, channels))

    def _answered(self, number: int, channels: list[Channel], future: asyncio.Future[list[Any]]) -> None:
        error = future.exception()
        if error is not None:
            for channel in channels:
                self._recover(channel, error)
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
        if self._waiting and not self._scheduled and self._may_flush():
            self._flush()

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
            self._recover(channel, reply)

    # After a loss

    def _recover(self, channel: Channel, error: BaseException) -> None:
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
        """Sends again, unchanged, whatever the log does not hold. Redis may be away for as long as it likes."""
        pause = 0.05
        while True:
            try:
                top = await self._log.top(channel.claim.session)
                if top is None or top.first != channel.claim.epoch:
                    channel.recovery = None  # this very task: closing must not cancel it
                    channel.close()
                    (channel.on_gone if top is None else channel.on_lost)()
                    return
                if top.second + 1 >= channel.next_seq:
                    return
                commands = channel.commands(top.second + 1)
                reply = (await self._router.pipeline(channel.keys.tag, *commands, errors=True))[0]
                if isinstance(reply, RedisReplyError) and "equal or smaller" not in str(reply):
                    raise reply
            except Unavailable:
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - only spreads the load
                pause = min(LONGEST_PAUSE, pause * 2)
