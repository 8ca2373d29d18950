"""A deployment of two servers."""

from __future__ import annotations

from tests.unit.redis.server import ScriptedServer
from unbroken.redis.topology import Node


class Two:
    """A topology of two servers, the second of which owns what it was moved."""

    def __init__(self, first: ScriptedServer, second: ScriptedServer) -> None:
        self.owner = Node("127.0.0.1", first.port)
        self.second = Node("127.0.0.1", second.port)
        self.moves: list[tuple[int, Node]] = []
        self.refreshes = 0

    def node(self, tag: str) -> Node:
        return self.owner

    def moved(self, slot: int, node: Node) -> None:
        self.moves.append((slot, node))
        self.owner = node

    async def refresh(self) -> None:
        self.refreshes += 1
