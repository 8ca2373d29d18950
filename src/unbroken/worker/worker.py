"""One worker: claims sessions while it has free slots, runs their replies side by side, and drains when it stops."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import secrets
import socket
from functools import partial
from typing import Any

from unbroken.backend import Backend
from unbroken.claim import Claim
from unbroken.errors import ConfigurationError, Unavailable
from unbroken.redis.wire import RedisReplyError
from unbroken.worker.bots import Bots
from unbroken.worker.claimer import Claimed, Claimer
from unbroken.worker.control import Control
from unbroken.worker.lease import Leases
from unbroken.worker.outbox import Outbox
from unbroken.worker.patience import insist
from unbroken.worker.reply import CLEANUP, Reply, Stop
from unbroken.worker.slots import Slots
from unbroken.worker.titles import Titles
from unbroken.worker.watchdog import Watchdog

logger = logging.getLogger("unbroken.worker")


class Worker:
    """Runs replies until it is stopped.

    Every accepted message is answered at least once by some worker, and committed exactly once: a claim is a lease, and
    whoever finds it run out takes over, with a new epoch that Redis lets nobody write below.

    Args:
        backend: an open one; it stays open.
        bots: what answers. The worker starts and closes them.

    Attributes:
        consumer: its name in the consumer groups, unique for each worker.
    """

    def __init__(self, backend: Backend, bots: Bots) -> None:
        self._backend = backend
        self._settings = backend.settings
        self._bots = bots
        self.consumer = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._nonce, self._takes = secrets.token_hex(8), itertools.count()
        self._held: set[Claimed] = set()
        self._replies: set[asyncio.Task[None]] = set()
        self._waking: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._at_once = asyncio.Event()
        self._handing_back = False
        self._slots = Slots(self._settings.concurrency, len(backend.keys.tags), self._give_way)
        self._leases = Leases(backend.queue, self.consumer, self._settings.lease)
        self._titles = Titles(self._settings.titles, bots, backend.store)
        self._claimers: list[Claimer] = []

    def stop(self) -> None:
        """Drains: claims nothing more, lets replies finish within `drain_grace`, hands the rest back.

        The second call ends the grace.
        """
        if self._stopping.is_set():
            self._at_once.set()
        self._stopping.set()

    async def run(self) -> None:
        """Works until `stop` is called and the drain is over. When it is cancelled, leases run out instead.

        Raises:
            ConfigurationError: Redis refuses for good what a worker needs.
        """
        backend, settings = self._backend, self._settings
        if not await self._prepare():
            return
        self._loop = asyncio.get_running_loop()
        self._outbox = Outbox(backend.redis.router, backend.log, backend.keys, settings.reply_bytes)
        self._control = Control(backend.redis, backend.keys, self._leases)
        readers = [backend.redis.ready(tags, self.consumer) for tags in backend.redis.together]
        self._claimers = [
            Claimer(ready, self._slots, settings.lease, self._start, self._held.__contains__, backend.queue.forget)
            for ready in readers
        ]
        watchdog = Watchdog(settings.block_warning, self._bots.names)
        watchdog.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                claiming = [tasks.create_task(claimer.run()) for claimer in self._claimers]
                lasting = [tasks.create_task(self._leases.run()), tasks.create_task(self._control.run())]
                logger.info(
                    "worker %s is ready: bot %s, %d replies at once",
                    self.consumer,
                    self._bots.names,
                    settings.concurrency,
                )
                await self._stopping.wait()
                await self._drain(claiming)
                for task in lasting:
                    task.cancel()
        except ExceptionGroup as group:
            error = group.exceptions[0]
            if isinstance(error, RedisReplyError):
                raise ConfigurationError(f"Redis refuses what a worker needs ({error}); allow it to its user") from None
            raise error from None
        finally:
            for reply in self._replies:
                reply.cancel()
            if self._replies:
                await asyncio.wait(self._replies)
            watchdog.stop()
            await self._titles.close()
            await self._control.close()
            for ready in readers:
                await ready.close()
            await self._bots.close()

    async def _prepare(self) -> bool:
        """Starts the bots, which may have much to load. False if the worker is stopped before they have."""
        starting = asyncio.ensure_future(self._bots.start())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                return True
            return False
        finally:
            stopping.cancel()
            if not starting.done():
                starting.cancel()
                await asyncio.wait([starting])

    def _give_way(self) -> None:
        """Slots became scarce: those that only wait for work are needed."""
        for claimer in self._claimers:
            task = asyncio.create_task(claimer.give_way())
            self._waking.add(task)
            task.add_done_callback(self._waking.discard)

    # One reply

    def _start(self, claimed: Claimed) -> None:
        self._slots.begin()
        self._held.add(claimed)
        task = self._loop.create_task(self._answer(claimed), name=f"session {claimed[1]}")
        self._replies.add(task)
        task.add_done_callback(partial(self._ended, claimed))

    def _ended(self, claimed: Claimed, task: asyncio.Task[None]) -> None:
        self._replies.discard(task)
        self._held.discard(claimed)
        self._slots.end()
        if not task.cancelled() and (error := task.exception()) is not None:
            # a defect of ours: the lease runs out, and the message gets its next attempt
            logger.error("session %s: the attempt broke", claimed[1], exc_info=error)

    async def _answer(self, claimed: Claimed) -> None:
        claim = await self._take(*claimed)
        if claim is None:
            return
        reply = Reply(claim, self._bots.find(claim.bot), self._backend, self._outbox)
        self._leases.add(reply)
        self._control.begun(reply)
        if self._handing_back:
            reply.stop(Stop.HANDED_BACK)
        try:
            await reply.run()
        finally:
            self._leases.discard(reply)
        self._titles.consider(claim)

    async def _take(self, entry: str, session: str) -> Claim | None:
        """Takes a claimed session. Gives up before the claim runs out: then whoever can takes it."""
        take = partial(
            self._backend.queue.take,
            session,
            entry,
            f"{self._nonce}-{next(self._takes)}",
            attempts=self._settings.attempts,
            continuing=self._bots.continuing,  # some learn it while they run
            context=self._settings.context_messages,
        )
        patience = self._settings.lease * 2 / 3
        give_up = self._loop.time() + patience
        if self._settings.redis_timeout <= patience:  # then one try needs no timer, and nearly always it is enough
            with contextlib.suppress(Unavailable):
                return await take()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(give_up):
                return await insist(take, session, "its next attempt")
        logger.warning("session %s could not be taken; it is left to whoever can", session)
        return None

    # The end

    async def _drain(self, claiming: list[asyncio.Task[None]]) -> None:
        for _ in claiming:
            self._slots.release()  # nobody waits for a slot any more; each sees that it is stopped
        await asyncio.gather(*(claimer.stop() for claimer in self._claimers))
        await asyncio.wait(claiming)
        if self._replies:
            logger.info("worker %s stops; %d replies may finish", self.consumer, len(self._replies))
            await self._grace()
        self._handing_back = True
        for reply in self._leases.all():
            reply.stop(Stop.HANDED_BACK)
        if self._replies:
            await asyncio.wait(self._replies, timeout=CLEANUP + 1.0)
        logger.info("worker %s has stopped", self.consumer)

    async def _grace(self) -> None:
        """Waits for the replies, until the grace is over or somebody ends it."""
        finished = asyncio.create_task(asyncio.wait(self._replies))
        ended = asyncio.create_task(self._at_once.wait())
        waits: list[asyncio.Task[Any]] = [finished, ended]
        await asyncio.wait(waits, timeout=self._settings.drain_grace, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()
