"""One primary that Sentinels watch: they say where it is, and promote a replica when it is gone."""

from __future__ import annotations

from typing import Any, NamedTuple

from unbroken.errors import ConfigurationError
from unbroken.redis.dial import Dialer
from unbroken.redis.discovered import Discovered
from unbroken.redis.topology import PARTITIONS, Node
from unbroken.redis.wire import RedisReplyError, Wire


class Named(NamedTuple):
    """What a Sentinel says: who is the primary, and since which promotion."""

    promotion: int
    primary: Node


class Sentinels(Discovered[Named]):
    """All tags belong to the primary that the Sentinels name.

    All of them are asked, and the one that knows of the newest promotion is believed. That a server is a primary
    indeed every new connection makes sure of.

    Args:
        dialer: of the primary.
        asks: of the Sentinels.
        sentinels: where they are.
        service: what they call the primary.
    """

    partitions = PARTITIONS
    one_primary = True

    def __init__(self, dialer: Dialer, asks: Dialer, sentinels: tuple[Node, ...], service: str) -> None:
        super().__init__(dialer, asks, sentinels, len(sentinels))
        self._service = service
        self._primary = Node()

    def node(self, tag: str) -> Node:
        """The primary, for every tag."""
        return self._primary

    def moved(self, slot: int, node: Node) -> None:
        """Refuses: only clusters redirect.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError("the servers behind these Sentinels are part of a cluster; set REDIS_URL to them")

    async def _ask(self, wire: Wire, node: Node) -> Named:
        service = self._service
        found: Any
        address, found = await wire.batch(
            (("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service), ("SENTINEL", "MASTER", service))
        )
        for reply in (address, found):
            if isinstance(reply, RedisReplyError) and "No such master" not in str(reply):
                raise reply
        if address is None or isinstance(found, RedisReplyError):
            return Named(-1, node)
        host, port = address
        return Named(int(found[b"config-epoch"]), Node(host.decode(), int(port)))

    def _learn(self, view: Named) -> frozenset[Node]:
        if view.promotion < 0:
            raise ConfigurationError(
                f"the Sentinel at {view.primary} knows no primary of the name {self._service!r}; "
                "correct the name at the end of REDIS_URL"
            )
        self._primary = view.primary
        return frozenset({view.primary})
