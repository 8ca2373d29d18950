"""A server and a worker as `unbroken server` and `unbroken worker` run them, on a Redis that a test may starve."""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil
from redis import Redis

from tests.conftest import make_settings
from tests.integration.processes import Program
from tests.integration.server.site import Client
from unbroken.config import Settings
from unbroken.embedded import Embedded

HERE = Path(__file__).parent
BOT = "bots:bot"
MIB = 1 << 20
LISTENS = r"running on http://(\S+)"
WORKS = "is ready"


class Part(Program):
    """One process, and what it uses."""

    @property
    def stats(self) -> psutil.Process:
        return psutil.Process(self.pid)

    @property
    def rss(self) -> int:
        """Bytes of memory that are its own or shared."""
        return self.stats.memory_info().rss

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far."""
        times = self.stats.cpu_times()
        return times.user + times.system

    def descriptors(self, most: int) -> None:
        """From now on it may have so many files and sockets open."""
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (most, most))


class Deployment:
    """The parts of one deployment, started on demand. Whatever was started ends with it.

    Args:
        redis: where its sessions are.
        address: of Redis, if not that of its unix socket.
        settings: of every part, by their own names.
    """

    def __init__(self, redis: Embedded, address: str | None = None, **settings: Any) -> None:
        self._env = {"REDIS_URL": address or redis.address, "UNBROKEN_SESSIONS_PER_MINUTE": "0", **_variables(settings)}
        self.redis = redis
        self.parts: list[Part] = []

    def settings(self, **settings: Any) -> Settings:
        """What a part would be told, for one that the test runs by itself."""
        return make_settings(self.redis.address, prefix="ub", **settings)

    def server(self, **settings: Any) -> Part:
        """Starts a web server."""
        return self._start("server", "--port", "0", until=LISTENS, **settings)

    def worker(self, **settings: Any) -> Part:
        """Starts a worker with the bots of this directory."""
        return self._start("worker", BOT, until=WORKS, **settings)

    def both(self, **settings: Any) -> tuple[Part, Part]:
        """Starts a web server and a worker, side by side."""
        server, worker = self.begin("server", "--port", "0", **settings), self.begin("worker", BOT, **settings)
        server.until(LISTENS)
        worker.until(WORKS)
        return server, worker

    def _start(self, *words: str, until: str, **settings: Any) -> Part:
        part = self.begin(*words, **settings)
        part.until(until)
        return part

    def begin(self, *words: str, **settings: Any) -> Part:
        """Starts a part, however that ends."""
        part = Part(*words, cwd=HERE, env=self._env | _variables(settings))
        self.parts.append(part)
        return part

    def end(self) -> None:
        for part in self.parts:
            part.end()
            print(part.arguments, part.output[-5000:], sep="\n")  # shown if the test failed

    @contextmanager
    def commands(self) -> Iterator[Redis]:
        """A connection of the test's own."""
        with Redis.from_url(self.redis.address) as redis:
            yield redis


@asynccontextmanager
async def client(server: Part) -> AsyncIterator[Client]:
    """Speaks to a server."""
    speaker = Client(server.until(LISTENS)[1])
    try:
        yield speaker
    finally:
        await speaker.http.aclose()


def _variables(settings: dict[str, Any]) -> dict[str, str]:
    return {f"UNBROKEN_{name.upper()}": str(value) for name, value in settings.items()}


Deploy = Callable[..., Deployment]
