"""What all kinds of deployments have in common: a folder, servers, and an end."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.topologies.server import Server, eventually


class Deployment:
    """Servers that start and end together.

    Attributes:
        servers: those that hold data.
    """

    servers: list[Server]

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ub-")
        self.folder = Path(self._folder.name)

    @property
    def processes(self) -> list[Server]:
        """All servers, those without data too."""
        return self.servers

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException as error:
            await self.__aexit__(type(error), error, None)
            raise
        return self

    async def start(self) -> None:
        """Starts all, and returns when they have found each other."""
        await asyncio.gather(*(server.start() for server in self.processes))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self.processes:
            if error is not None and (server.folder / "log").exists():
                print(f"--- {server.name}\n{server.log()}")
            await server.close()
        self._folder.cleanup()

    def cut_off(self, *some: Server) -> None:
        """None of the others reaches these, and these reach none of the others; clients reach all. Needs doors."""
        for server in some:
            for other in self.processes:
                if other not in some:
                    assert server.door
                    assert other.door
                    server.door.shut_out(other.source)
                    other.door.shut_out(server.source)

    def heal(self) -> None:
        """Undoes every `cut_off`."""
        for server in self.processes:
            if server.door:
                server.door.let_in()


async def synchronised(primary: Server, *replicas: Server) -> None:
    """Returns when replicas have all that their primary had written when this was called."""
    offset = (await primary.info("replication"))["master_repl_offset"]

    async def reached(replica: Server) -> bool:
        found = await replica.info("replication")
        return found.get("master_link_status") == "up" and found["slave_repl_offset"] >= offset

    for replica in replicas:
        await eventually(lambda replica=replica: reached(replica), f"the synchronisation of {replica.name}")  # type: ignore[misc]
