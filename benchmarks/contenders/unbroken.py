"""Unbroken as it is installed: history, idempotency, leases, tokens and TTLs are on, and the append-only file too."""

from __future__ import annotations

from typing import ClassVar

from benchmarks.contenders.base import Contender

_LIMITS = {
    # The whole load comes from one address,
    "UNBROKEN_SESSIONS_PER_MINUTE": "0",
    # a session of a benchmark says more than one of a person,
    "UNBROKEN_TURN_LIMIT": "1000000",
    # and the bot waits far more than it computes.
    "UNBROKEN_CONCURRENCY": "10000",
}


class Unbroken(Contender):
    """One server and one worker, each with the settings it comes with, but for limits that stop a benchmark."""

    name = "unbroken"
    dialect = "unbroken"
    durable = True
    workers: ClassVar[int] = 1
    ready_path = "/readyz"

    def launch(self) -> None:
        """Starts servers and workers."""
        settings = {"REDIS_URL": self.redis, **_LIMITS}
        for _ in range(self.workers):
            self.spawn("worker", "-m", "unbroken", "worker", "benchmarks.bot:unbroken", **settings)
        for port in self.ports:
            self.spawn("web server", "-m", "unbroken", "server", "--port", str(port), **settings)


class UnbrokenTwo(Unbroken):
    """Two servers and two workers."""

    name = "unbroken-2"
    servers = 2
    workers = 2


class UnbrokenWithoutAof(Unbroken):
    """The same without an append-only file, to see what that costs."""

    name = "unbroken-no-aof"
    durable = False
