"""What Sentinel and Cluster have in common: others know who owns what, and that changes."""

from __future__ import annotations

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from unbroken.errors import ConfigurationError
from unbroken.redis.dial import Dialer
from unbroken.redis.link import Link
from unbroken.redis.topology import Node
from unbroken.redis.wire import RedisReplyError, Wire

logger = logging.getLogger("unbroken.redis")

PERIOD = 1.0
"""Seconds between two looks when nobody asks: how long a primary that was replaced, but answers still, is believed."""
SOONEST = 0.1
"""Seconds between two looks at least, however many ask."""
LATEST = 0.5
"""Seconds after which nobody waits for a look any more."""
_STRAGGLERS = 0.1
"""Seconds that the others get to answer, once one has."""

View = TypeVar("View", bound=tuple[Any, ...])
"""What one of those who know says; the greater, the newer."""


class Discovered(ABC, Generic[View]):
    """A topology that is asked for at the start, after errors, and once a second.

    Each time several are asked who should know, and the newest view counts: one that was cut off from the rest, and
    does not know better, misleads nobody as long as we reach another. Whoever is no primary any more loses all our
    connections at once, so nobody waits for a server that is only silent.

    Args:
        dialer: of the servers that hold data.
        asks: dials those who know.
        informants: those who know.
        at_once: how many of them are asked at a time.
    """

    def __init__(self, dialer: Dialer, asks: Dialer, informants: Iterable[Node], at_once: int) -> None:
        self._dialer = dialer
        self._asks = asks
        self._informants = list(informants)
        self._at_once = at_once
        self._links: dict[Node, Link] = {}
        self._primaries: frozenset[Node] = frozenset()
        self._looked = 0.0
        self._looking: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._blind = False

    @abstractmethod
    async def _ask(self, wire: Wire, node: Node) -> View:
        """Asks one of those who know."""

    @abstractmethod
    def _learn(self, view: View) -> frozenset[Node]:
        """Takes over a view; returns the primaries.

        Raises:
            ConfigurationError: there is nothing to be learned from it.
        """

    async def start(self) -> None:
        """Looks for the first time, and from then on.

        Raises:
            ConfigurationError: this is not what was configured.
            ConnectionError: nobody answers.
            RedisReplyError: those who should know refuse to tell.
        """
        await self._look()
        self._watching = asyncio.create_task(self._watch())

    async def refresh(self) -> None:
        """Looks again, once for all who ask meanwhile. It never raises: a failure shows at the next try."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_again())
        await asyncio.wait([self._looking], timeout=LATEST)

    async def close(self) -> None:
        """Ends the looking."""
        for task in (self._watching, self._looking):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        for link in self._links.values():
            await link.close()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(PERIOD * random.uniform(0.8, 1.2))  # noqa: S311 - only spreads the load
            await self.refresh()

    async def _look_again(self) -> None:
        try:
            await asyncio.sleep(self._looked + SOONEST - asyncio.get_running_loop().time())
            await self._look()
            self._blind = False
        except (ConnectionError, RedisReplyError, ConfigurationError) as error:
            if not self._blind:
                self._blind = True
                logger.warning("nobody says which server is the primary now: %s", error)
        finally:
            self._looked = asyncio.get_running_loop().time()
            self._looking = None

    async def _look(self) -> None:
        before = self._primaries
        self._primaries = self._learn(max(await self._views()))
        if before and before != self._primaries:
            logger.info("the primary is now %s", ", ".join(sorted(map(str, self._primaries))))
        for node in before - self._primaries:
            self._dialer.abandon(node, "it is no primary any more")

    async def _views(self) -> list[View]:
        """What some of those who know say. Whoever fails is replaced by another the next time."""
        strangers = [node for node in self._informants if node not in self._links]
        random.shuffle(strangers)
        for node in strangers[: self._at_once - len(self._links)]:
            self._links[node] = Link(self._asks, node, "unbroken-topology", any_role=True)
        tasks = {asyncio.create_task(self._view(link)): link for link in self._links.values()}
        waiting: set[asyncio.Task[View]] = set(tasks)
        views: list[View] = []
        failure: BaseException = ConnectionError("nobody answered")
        try:
            while waiting:
                timeout = _STRAGGLERS if views else None
                done, waiting = await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if (error := task.exception()) is None:
                        views.append(task.result())
                    else:
                        failure = error
                        await self._links.pop(tasks[task].node).close()
                if not done:
                    break  # who is slow may answer the next time
        finally:
            for task in waiting:
                task.cancel()
        if not views:
            raise failure
        return views

    async def _view(self, link: Link) -> View:
        return await self._ask(await link.open(), link.node)
