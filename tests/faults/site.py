"""A whole deployment to break: a private Valkey that keeps a file, servers, workers, and the network between them."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import unquote

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.faults.slot import Kind, Slot
from tests.faults.tracker import Interruption, Tracker
from unbroken.embedded import Embedded
from unbroken.keys import Keys

PREFIX = "ub"


class Shape(NamedTuple):
    """How a deployment is set up.

    Attributes:
        lease, redis_timeout, drain_grace: seconds.
        continues: whether the bot goes on where an earlier attempt stopped.
        fsync: Redis' appendfsync.
    """

    servers: int = 2
    workers: int = 2
    partitions: int = 4
    lease: float = 2.0
    attempts: int = 5
    redis_timeout: float = 6.0
    drain_grace: float = 0.2
    continues: bool = False
    fsync: str = "everysec"

    @classmethod
    def drawn(cls, rng: random.Random) -> Self:
        """One of the ways in which it is run."""
        return cls(
            workers=rng.choice((2, 3)),
            partitions=rng.choice((1, 4, 16)),
            continues=rng.random() < 0.5,
            fsync=rng.choice(("everysec", "everysec", "always")),
        )

    def environment(self) -> dict[str, str]:
        """What the processes are told."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("UNBROKEN_", "REDIS_"))}
        settings = {
            "prefix": PREFIX,
            "port": 0,
            "sessions_per_minute": 0,
            "block_warning": 10,
            "partitions": self.partitions,
            "lease": self.lease,
            "attempts": self.attempts,
            "redis_timeout": self.redis_timeout,
            "drain_grace": self.drain_grace,
        }
        return own | {f"UNBROKEN_{name.upper()}": str(value) for name, value in settings.items()}


class Site:
    """Runs while it is entered, in the main thread: everything in it dies with it.

    Attributes:
        slots: all of them, servers first.
        keys: the names in Redis.
        interruptions: what died so far, and with what.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.keys = Keys(PREFIX, shape.partitions)
        self.folder = Path(tempfile.mkdtemp(prefix="ub-"))
        self.valkey = Embedded(
            self.folder, extra_args=("--auto-aof-rewrite-percentage", "0", "--appendfsync", shape.fsync)
        )
        self.interruptions: list[Interruption] = []
        self.slots: list[Slot] = []
        self._trackers: dict[Slot, Tracker] = {}
        self._stack = AsyncExitStack()
        self._reviving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        try:
            self._stack.callback(self.valkey.stop)
            self.valkey.start()
            bot = f"unbroken.models.scripted:{'continuing' if self.shape.continues else 'bot'}"
            for number in range(self.shape.servers):
                self._add(Kind.SERVER, f"server-{number}", ["-m", "tests.faults.server"])
            for number in range(self.shape.workers):
                self._add(Kind.WORKER, f"worker-{number}", ["-m", "unbroken", "worker", bot])
            for slot in self.slots:
                self._stack.push_async_callback(slot.close)
                await slot.start()
            await self.whole()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _add(self, kind: Kind, name: str, arguments: list[str]) -> None:
        slot = Slot(kind, name, arguments, self.shape.environment(), self.socket, self.folder)
        if kind is Kind.WORKER:
            self._trackers[slot] = Tracker()
            slot.proxy.rules.append(self._trackers[slot])
        self.slots.append(slot)

    @property
    def socket(self) -> str:
        """Where Redis listens."""
        return unquote(self.valkey.address.removeprefix("unix://"))

    @property
    def append_only_file(self) -> Path:
        """What Redis wrote, in the order in which it happened."""
        return next((self.folder / "appendonlydir").glob("*.incr.aof"))

    @property
    def servers(self) -> list[Slot]:
        return [slot for slot in self.slots if slot.kind is Kind.SERVER]

    @property
    def workers(self) -> list[Slot]:
        return [slot for slot in self.slots if slot.kind is Kind.WORKER]

    @property
    def urls(self) -> list[str]:
        """Of all servers."""
        return [slot.url for slot in self.servers]

    def running(self) -> dict[str, int]:
        """Session → epoch of every reply that a worker runs."""
        found: dict[str, int] = {}
        for tracker in self._trackers.values():
            for session, epoch in tracker.running.items():
                found[session] = max(epoch, found.get(session, 0))
        return found

    def runs(self, slot: Slot, session: str, after: int) -> bool:
        """Whether a worker runs a later attempt in this session than that of an epoch."""
        return self._trackers[slot].running.get(session, 0) > after

    @property
    def chunks(self) -> int:
        """How many chunks all workers wrote."""
        return sum(tracker.chunks for tracker in self._trackers.values())

    async def whole(self, kinds: Iterable[Kind] = Kind) -> None:
        """Waits until everything of these kinds is up."""
        for slot in self.slots:
            if slot.kind in kinds:
                await slot.up()

    # Faults

    def kill(self, slot: Slot) -> None:
        """kill -9, and notes what that interrupts."""
        slot.kill()
        if slot.kind is Kind.WORKER:
            self.interruptions.append(self._trackers[slot].interrupted("worker killed"))
        else:
            self.interruptions.append(Interruption(slot.url, time.monotonic(), self.running()))

    def freeze(self, slot: Slot) -> None:
        """SIGSTOP, and what it sent last is kept by the network until `thaw`."""
        slot.pause()
        slot.proxy.hold()
        self.interruptions.append(self._trackers[slot].interrupted("worker paused"))

    def thaw(self, slot: Slot) -> None:
        """It goes on as if nothing had happened, and so does what it sent before."""
        slot.proxy.release()
        slot.go_on()

    def kill_redis(self, away: float) -> None:
        """kill -9; after `away` seconds it is started from its append-only file."""
        if self._reviving is None or self._reviving.done():
            assert self.valkey.pid is not None
            os.kill(self.valkey.pid, signal.SIGKILL)
            self._reviving = asyncio.create_task(self._revive(away))

    async def _revive(self, away: float) -> None:
        epochs = self.running()
        await asyncio.sleep(away)
        self.valkey.stop()  # lets go of the directory, which a dead server cannot do
        self.valkey.start()
        self.interruptions.append(Interruption("Redis restarted", time.monotonic(), epochs))

    async def redis_back(self) -> None:
        """Waits until Redis is up again."""
        if self._reviving is not None:
            await self._reviving

    def heal(self) -> None:
        """Ends every fault that lasts."""
        for slot in self.slots:
            slot.proxy.rules[:] = [self._trackers[slot]] if slot in self._trackers else []
            slot.proxy.heal()
            slot.door.heal()
            slot.go_on()

    # Looking

    def direct(self) -> Redis:
        """A connection to Redis past all proxies; the caller closes it."""
        return Redis(unix_socket_path=self.socket, protocol=3, socket_timeout=60)

    async def command(self, *words: str | int) -> object:
        """Runs one command, past all proxies; waits for Redis if it is being restarted."""
        await self.redis_back()
        redis: Any = self.direct()
        async with redis:
            for _ in range(600):
                try:
                    reply: object = await redis.execute_command(*words)
                    return reply
                except RedisConnectionError:
                    await asyncio.sleep(0.1)
        raise AssertionError(f"Redis does not come back:\n{self.valkey.log_file.read_text()[-2000:]}")

    def logs(self) -> str:
        """The end of what every process said."""
        return "\n".join(f"--- {slot.name}\n{slot.log.read_text()[-6000:]}" for slot in self.slots)
