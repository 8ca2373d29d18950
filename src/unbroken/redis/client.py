"""One Redis for one process: the router, the subscriptions and the readers that share a configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from unbroken.config import Settings
from unbroken.keys import Keys
from unbroken.redis.address import Address
from unbroken.redis.checks import check
from unbroken.redis.dial import Dialer
from unbroken.redis.discovery import discover
from unbroken.redis.group import Group
from unbroken.redis.live import Live
from unbroken.redis.ready import Ready
from unbroken.redis.router import Router
from unbroken.redis.topology import Topology

PATIENCE = 5.0
"""Most seconds that Redis may take for a connection or a reply before the connection counts as dead. The connections
of the start get all of them, whatever the settings say."""


class RedisClient:
    """Everything that a process has open to Redis.

    Attributes:
        keys: the names of this deployment.
        router: runs scripts and commands.
    """

    def __init__(self, dialer: Dialer, topology: Topology, router: Router, settings: Settings, keys: Keys) -> None:
        self._dialer = dialer
        self._topology = topology
        self._settings = settings
        self._open: list[Live | Ready] = []
        self.keys = keys
        self.router = router

    @classmethod
    async def open(cls, address: str, settings: Settings) -> Self:
        """Connects to whatever kind of deployment it is, and checks that it can keep the promises.

        Raises:
            ConfigurationError: it cannot; one sentence that says what to do.
            Unavailable: it is there, but does not answer or cannot write.
        """
        where = Address.parse(address)
        dialer = Dialer(where.url, min(PATIENCE, settings.redis_timeout / 2))
        dialer.timeout = PATIENCE
        topology = await discover(where, dialer)
        group = Group(dialer, settings.ack_replicas, settings.ack_timeout) if settings.ack == "replica" else None
        router = Router(dialer, topology, settings.redis_timeout, group)
        try:
            keys = await check(router, topology, dialer, settings)
        except BaseException:
            await router.close()
            await topology.close()
            raise
        dialer.timeout = dialer.patience
        return cls(dialer, topology, router, settings, keys)

    def live(self, on_message: Callable[[str, bytes], None], on_gap: Callable[[str], None]) -> Live:
        """The subscriptions of this process; see `Live`."""
        live = Live(self._dialer, self._topology, self._settings.redis_timeout, on_message, on_gap)
        self._open.append(live)
        return live

    @property
    def together(self) -> list[tuple[str, ...]]:
        """The tags of all partitions, in groups whose ready streams can be read together: a cluster refuses that."""
        tags = self.keys.tags
        return [tags] if self._topology.one_primary else [(tag,) for tag in tags]

    def ready(self, tags: tuple[str, ...], consumer: str) -> Ready:
        """A reader of the ready streams of partitions that can be read together; see `Ready`."""
        ready = Ready(self._dialer, self._topology, self.router, self.keys, tags, consumer)
        self._open.append(ready)
        return ready

    async def close(self) -> None:
        """Closes every connection, also those of `live` and `ready`."""
        for part in self._open:
            await part.close()
        await self.router.close()
        await self._topology.close()
