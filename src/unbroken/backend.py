"""Redis as servers, workers and the CLI see it: one shared client, and the three things that it is to us."""

from __future__ import annotations

from typing import Self

from unbroken.config import Settings
from unbroken.errors import ConfigurationError
from unbroken.log import Log
from unbroken.queue import Limits, Queue
from unbroken.redis.client import RedisClient
from unbroken.scripts import Scripts
from unbroken.store import Store


class Backend:
    """Opened once for each process, and shared by everything in it.

    Attributes:
        redis: connections, for subscriptions and for waiting for work.
        keys: the names of this deployment.
    """

    def __init__(self, settings: Settings, redis: RedisClient) -> None:
        self.settings = settings
        self.redis = redis
        self.keys = keys = redis.keys
        self.scripts = Scripts(redis.router, settings.session_ttl)
        self.store = Store(redis.router, keys, self.scripts)
        self.log = Log(redis.router, keys, self.scripts)
        self.queue = Queue(
            redis.router, keys, self.scripts, Limits(settings.message_bytes, settings.inbox_limit, settings.turn_limit)
        )

    @classmethod
    async def open(cls, settings: Settings) -> Self:
        """Connects, and checks that the server can keep the promises.

        Raises:
            ConfigurationError: it cannot; the message says what to change.
            Unavailable: it is there, but does not answer or cannot write.
        """
        address = settings.redis_address()
        if address is None:
            raise ConfigurationError("no Redis is configured; set REDIS_URL, or run `unbroken up`, which has its own")
        return cls(settings, await RedisClient.open(address, settings))

    async def close(self) -> None:
        """Closes every connection."""
        await self.redis.close()
