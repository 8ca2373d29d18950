"""A cluster: each of its primaries owns some of the slots, and the slots move."""

from __future__ import annotations

from typing import Any, NamedTuple

from unbroken.errors import ConfigurationError
from unbroken.keys import SLOTS, slot
from unbroken.redis.dial import Dialer
from unbroken.redis.discovered import Discovered
from unbroken.redis.topology import Node
from unbroken.redis.wire import RedisReplyError, Wire

_AT_ONCE = 3
"""Servers that are asked at a time: one may be cut off and another be gone."""


class Slice(NamedTuple):
    """Slots that lie side by side, and their owner."""

    start: int
    end: int
    owner: Node


class Map(NamedTuple):
    """How one server sees the cluster. Who sees the majority knows better; then who knows of the newest change."""

    whole: bool
    epoch: int
    slices: tuple[Slice, ...]
    servers: tuple[Node, ...]


class Cluster(Discovered[Map]):
    """A tag belongs to the server that owns its slot.

    Redirections are believed at once; everything else comes from the map.

    Args:
        dialer: of all servers, which share login and TLS.
        seeds: servers of the cluster, of which one has to answer at the start. Later all are asked that it knows.
    """

    partitions = 64
    """Enough for every server to get its share."""
    one_primary = False

    def __init__(self, dialer: Dialer, seeds: tuple[Node, ...]) -> None:
        super().__init__(dialer, dialer, seeds, _AT_ONCE)
        self._seeds = seeds
        self._owners: list[Node | None] = [None] * SLOTS
        self._known: dict[str, Node] = {}
        self._slices: tuple[Slice, ...] = ()

    def node(self, tag: str) -> Node:
        """The owner of a tag. If its slot has none, any server: that one says so."""
        node = self._known.get(tag)
        if node is None:
            node = self._known[tag] = self._owners[slot(tag)] or next(iter(self._primaries))
        return node

    def moved(self, slot: int, node: Node) -> None:
        """Learns from a redirection that a slot has another owner."""
        self._owners[slot] = node
        self._known.clear()
        self._slices = ()
        self._primaries |= {node}

    async def _ask(self, wire: Wire, node: Node) -> Map:
        info, slots = await wire.batch((("CLUSTER", "INFO"), ("CLUSTER", "SLOTS")))
        for reply in (info, slots):
            if isinstance(reply, RedisReplyError):
                raise reply
        facts = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
        slices = [(start, end, [_address(row, node) for row in rows]) for start, end, *rows in slots]
        return Map(
            facts.get("cluster_state") == "ok",
            int(facts.get("cluster_current_epoch", 0)),
            tuple(Slice(start, end, nodes[0]) for start, end, nodes in slices if nodes[0] is not None),
            tuple({found for _, _, nodes in slices for found in nodes if found is not None}),
        )

    def _learn(self, view: Map) -> frozenset[Node]:
        if not view.slices:
            raise ConfigurationError("the cluster has not given its slots to servers yet; create it first")
        if view.slices != self._slices:
            owners: list[Node | None] = [None] * SLOTS
            for start, end, owner in view.slices:
                owners[start : end + 1] = [owner] * (end + 1 - start)
            self._slices, self._owners = view.slices, owners
            self._known.clear()
            self._informants = list({*view.servers, *self._seeds})
        return frozenset(owner for _, _, owner in view.slices)


def _address(row: list[Any], asked: Node) -> Node | None:
    """Where clients are to find a server: without a host, where they found the one that they asked; `?` is nowhere."""
    host = (row[0] or b"").decode()
    return None if host == "?" else Node(host or asked.host, int(row[1]))
