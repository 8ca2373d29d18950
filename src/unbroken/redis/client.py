"""One Redis for one process: the router, the subscriptions and the readers that share a configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from unbroken.config import Settings
from unbroken.keys import Keys
from unbroken.redis.checks import check, check_greeting, explain
from unbroken.redis.dial import Dialer
from unbroken.redis.group import Group
from unbroken.redis.live import Live
from unbroken.redis.ready import Ready
from unbroken.redis.router import Router
from unbroken.redis.topology import Fixed, Topology

PATIENCE = 5.0
"""Most seconds that Redis may take for a connection or a reply before the connection counts as dead."""


class RedisClient:
    """Everything that a process has open to Redis.

    Attributes:
        router: runs scripts and commands.
    """

    def __init__(self, dialer: Dialer, topology: Topology, settings: Settings, keys: Keys) -> None:
        self._dialer = dialer
        self._topology = topology
        self._settings = settings
        self._keys = keys
        self._open: list[Live | Ready] = []
        group = Group(dialer, settings.ack_replicas, settings.ack_timeout) if settings.ack == "replica" else None
        self.router = Router(dialer, topology, settings.redis_timeout, group)

    @classmethod
    async def open(cls, address: str, settings: Settings, keys: Keys) -> Self:
        """Connects, and checks that the server can keep the promises.

        Raises:
            ConfigurationError: it cannot; one sentence that says what to do.
            Unavailable: it is there, but does not answer or cannot write.
        """
        dialer = Dialer(address, min(PATIENCE, settings.redis_timeout / 2))
        topology = Fixed()
        client = cls(dialer, topology, settings, keys)
        try:
            node = topology.node(keys.tags[0])
            try:
                greeting = await client.router.greet(node)
            except ConnectionError as error:
                raise explain(error, dialer, node) from None
            check_greeting(greeting)
            await check(client.router, settings, keys)
        except BaseException:
            await client.close()
            raise
        return client

    def live(self, on_message: Callable[[str, bytes], None], on_gap: Callable[[str], None]) -> Live:
        """The subscriptions of this process; see `Live`."""
        live = Live(self._dialer, self._topology, self._settings.redis_timeout, on_message, on_gap)
        self._open.append(live)
        return live

    def ready(self, tag: str, consumer: str) -> Ready:
        """A reader of one partition's ready stream; see `Ready`."""
        ready = Ready(self._dialer, self._topology, self.router, self._keys, tag, consumer)
        self._open.append(ready)
        return ready

    async def close(self) -> None:
        """Closes every connection, also those of `live` and `ready`."""
        for part in self._open:
            await part.close()
        await self.router.close()
