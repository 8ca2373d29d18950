"""A primary and its replicas, with three Sentinels that watch them and promote on their own."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.topologies.replicated import Replicated
from tests.topologies.server import HERE, Server, eventually
from unbroken.embedded import binaries

SERVICE = "chat"


class Sentinel(Server):
    """A Sentinel. What it learns it writes into its configuration file, so it survives a kill as well."""

    def __init__(self, folder: Path, name: str, primary: Server, options: dict[str, str | int]) -> None:
        super().__init__(folder, name, door=primary.door is not None)
        lines = [
            f"port {self._own_port}",
            f"bind {HERE}",
            f"dir {self.folder}",
            f"sentinel monitor {SERVICE} {HERE} {primary.port} 2",
            *(f"sentinel {name} {SERVICE} {value}" for name, value in options.items()),
        ]
        if self.door:
            lines += [f"bind-source-addr {self.source}", f"sentinel announce-ip {HERE}"]
            lines += [f"sentinel announce-port {self.port}"]
        self._configuration = self.folder / "sentinel.conf"
        self._configuration.write_text("\n".join(lines) + "\n")

    def _command(self) -> list[str]:
        return [str(binaries.find().server), str(self._configuration), "--sentinel"]

    async def start(self) -> None:
        """As any server; then it looks around more often, and does not rest for half a minute on a busy machine."""
        await super().start()
        await self.ask("SENTINEL", "DEBUG", "info-period", 200, "publish-period", 200, "tilt-period", 1000)


class Sentinels(Replicated):
    """Three Sentinels with a quorum of two, which take a second of silence for the end.

    Args:
        replicas: how many.
        doors: whether servers and Sentinels can be cut off from each other; see `cut_off`.
        options: of every server.

    Attributes:
        sentinels: the three.
    """

    def __init__(self, replicas: int = 1, *, doors: bool = False, **options: str | int) -> None:
        super().__init__(replicas, doors=doors, **options)
        rules: dict[str, str | int] = {"down-after-milliseconds": 1000, "failover-timeout": 6000}
        if "requirepass" in options:
            rules["auth-pass"] = options["requirepass"]
        self.sentinels = [Sentinel(self.folder, f"sentinel-{n}", self.primary, rules) for n in range(3)]

    @property
    def address(self) -> str:
        """What REDIS_URL is for this deployment."""
        return f"redis+sentinel://{','.join(f'{HERE}:{one.port}' for one in self.sentinels)}/{SERVICE}"

    @property
    def processes(self) -> list[Server]:
        """The servers, and the Sentinels."""
        return [*self.servers, *self.sentinels]

    async def start(self) -> None:
        """Starts all, and returns when every Sentinel knows the replicas and the other Sentinels."""
        await asyncio.gather(*(server.start() for server in self.servers))
        await asyncio.gather(*(self.follow(replica) for replica in self.replicas))
        await asyncio.gather(*(sentinel.start() for sentinel in self.sentinels))
        await self.watched()

    async def watched(self) -> None:
        """Returns when every Sentinel that runs knows the other two, and sees all replicas follow the primary."""
        replicas = len(self.replicas)

        async def sees(sentinel: Server) -> bool:
            found = _pairs(await sentinel.ask("SENTINEL", "MASTER", SERVICE))
            rows = map(_pairs, await sentinel.ask("SENTINEL", "REPLICAS", SERVICE))
            healthy = [row for row in rows if (row["flags"], row["role-reported"]) == ("slave", "slave")]
            linked = [row for row in healthy if row["master-link-status"] == "ok"]
            return found["num-other-sentinels"] == "2" and len(linked) == replicas

        for sentinel in self.sentinels:
            if sentinel.running:
                await eventually(lambda sentinel=sentinel: sees(sentinel), f"{sentinel.name} knowing everybody")  # type: ignore[misc]

    async def demoted(self, server: Server) -> None:
        """Returns when a server follows the primary, whichever that is by then."""

        async def follows() -> bool:
            await self.decided()
            role = await server.ask("ROLE")
            return bool(role[0] == "slave" and role[2] == self.primary.port)

        await eventually(follows, f"the demotion of {server.name}")

    async def promoted(self, *apart: Sentinel) -> Server:
        """Returns the new primary when every Sentinel that runs, but for some, names the same one, not the old one."""
        old = self.primary

        async def another() -> bool:
            return await self.decided(*apart) and self.primary is not old

        await eventually(another, "a promotion")
        return self.primary

    async def decided(self, *apart: Sentinel) -> bool:
        """Whether the Sentinels name the same primary, which is noted then."""
        heard = [one for one in self.sentinels if one.running and one not in apart]
        asked = [one.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE) for one in heard]
        ports = {int(found[1]) for found in await asyncio.gather(*asked)}
        if len(ports) == 1:
            (self.primary,) = (server for server in self.servers if server.port in ports)
        return len(ports) == 1


def _pairs(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
