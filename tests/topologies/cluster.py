"""A cluster of Valkeys, with or without replicas."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.topologies.deployment import Deployment, synchronised
from tests.topologies.ports import free_port
from tests.topologies.server import HERE, Server, eventually
from unbroken.keys import SLOTS


class ValkeyCluster(Deployment):
    """A cluster that takes two seconds of silence for the end of a server.

    Args:
        primaries: how many; each gets an equal slice of the slots.
        replicas: of each primary.
        options: of every server.
    """

    def __init__(self, primaries: int = 3, *, replicas: int = 0, **options: str | int) -> None:
        super().__init__()
        self._primaries = primaries
        self.servers = [
            Server(
                self.folder,
                f"server-{n}",
                door=False,
                cluster_enabled="yes",
                cluster_port=free_port(),
                cluster_node_timeout=2000,
                cluster_require_full_coverage="no",
                cluster_replica_validity_factor=0,
                **options,
            )
            for n in range(primaries * (1 + replicas))
        ]

    @property
    def address(self) -> str:
        """What REDIS_URL is for this deployment: its first two servers, of which one may be away."""
        return "redis://" + ",".join(f"{HERE}:{server.port}" for server in self.servers[:2])

    async def start(self) -> None:
        """Starts all, gives out the slots, and returns when every server knows all of it."""
        await super().start()
        heads = self.servers[: self._primaries]
        first = self.servers[0]
        for number, server in enumerate(self.servers):
            await server.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for number, server in enumerate(heads):
            start, end = (SLOTS * n // len(heads) for n in (number, number + 1))
            await server.ask("CLUSTER", "ADDSLOTSRANGE", start, end - 1)
        for server in self.servers[1:]:
            await server.ask("CLUSTER", "MEET", HERE, first.port, first.options["cluster-port"])
        await self._agree(len(heads))
        for number, server in enumerate(self.servers[len(heads) :]):
            head = heads[number % len(heads)]
            await server.ask("CLUSTER", "REPLICATE", await self.id(head))
            await synchronised(head, server)
        await self._agree(len(heads))

    async def _agree(self, size: int) -> None:
        wanted = {"cluster_state:ok", f"cluster_size:{size}", f"cluster_known_nodes:{len(self.servers)}"}

        async def agreed() -> bool:
            views = await asyncio.gather(*(server.ask("CLUSTER", "INFO") for server in self.servers))
            return all(wanted <= set(view.splitlines()) for view in views)

        await eventually(agreed, "the cluster's agreement")

    async def id(self, server: Server) -> str:
        """How the cluster calls a server."""
        return str(await server.ask("CLUSTER", "MYID"))

    async def owner(self, slot: int) -> Server:
        """The primary of a slot, once all servers that run agree on it and it runs itself."""
        found: Server | None = None

        async def agreed() -> bool:
            nonlocal found
            views = await asyncio.gather(*(one.ask("CLUSTER", "SLOTS") for one in self.servers if one.running))
            ports = {primary[1] for view in views for start, end, primary, *_ in view if start <= slot <= end}
            found = next((one for one in self.servers if {one.port} == ports), None)
            return found is not None and found.running

        await eventually(agreed, f"agreement on slot {slot}")
        assert found is not None
        return found

    async def migrate(
        self, slot: int, target: Server, *, pause: float = 0.0, between: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Moves a slot the classic way, key by key, while it is in use.

        Waits a little before each key, and for `between` when all keys are there and the slot is not yet.
        """
        source = await self.owner(slot)
        await target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", await self.id(source))
        await source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", await self.id(target))
        while keys := await source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1):
            await asyncio.sleep(pause)
            await source.ask("MIGRATE", HERE, target.port, "", 0, 5000, "KEYS", *keys)
        if between is not None:
            await between()
        for server in (target, source):  # first who is to have it: so no moment is without an owner
            await server.ask("CLUSTER", "SETSLOT", slot, "NODE", await self.id(target))
