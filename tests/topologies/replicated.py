"""A primary and its replicas, with nobody to watch them."""

from __future__ import annotations

import asyncio

from tests.topologies.deployment import Deployment, synchronised
from tests.topologies.server import HERE, Server


class Replicated(Deployment):
    """Replication as it is without Sentinel: whoever is promoted is promoted by the test.

    Args:
        replicas: how many.
        doors: whether the links between servers can be cut; see `cut_off`.
        options: of every server.

    Attributes:
        primary: the one that takes writes, as far as the test has said.
    """

    def __init__(self, replicas: int = 1, *, doors: bool = False, **options: str | int) -> None:
        super().__init__()
        self.servers = [Server(self.folder, f"server-{n}", door=doors, **options) for n in range(replicas + 1)]
        self.primary = self.servers[0]

    @property
    def replicas(self) -> list[Server]:
        """All but the primary."""
        return [server for server in self.servers if server is not self.primary]

    async def start(self) -> None:
        """Starts all, and returns when the replicas have caught up."""
        await super().start()
        await asyncio.gather(*(self.follow(replica) for replica in self.replicas))

    async def follow(self, server: Server) -> None:
        """Makes a server, however it was started, a replica of the primary, and returns when it has caught up."""
        await server.ask("REPLICAOF", HERE, self.primary.port)
        await synchronised(self.primary, server)

    async def caught_up(self) -> None:
        """Returns when every replica has what the primary has written until now."""
        await synchronised(self.primary, *self.replicas)

    async def promote(self, replica: Server) -> None:
        """Makes a replica the primary; who followed the old one goes on doing so."""
        await replica.ask("REPLICAOF", "NO", "ONE")
        self.primary = replica
