"""Deploys: every server and every worker of a fleet is replaced, one after the other."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from tests.e2e.deployment import Deployment, Process
from tests.faults.deploys.balancer import Balancer


class Fleet:
    """Servers behind a balancer, and workers.

    Args:
        bot: that the workers run.
        size: how many servers there are, and how many workers.
    """

    def __init__(self, deployment: Deployment, balancer: Balancer, bot: str, size: int = 2) -> None:
        self._deployment = deployment
        self._balancer = balancer
        self._bot = bot
        self._size = size
        self._servers: list[tuple[Process, int]] = []
        self._workers: list[Process] = []

    @property
    def urls(self) -> list[str]:
        """Of the servers that run now."""
        return [f"http://127.0.0.1:{port}" for _, port in self._servers]

    async def start(self) -> None:
        await asyncio.gather(*(self._add() for _ in range(self._size)))

    async def new_first(self) -> None:
        """The usual way: each new process is ready before an old one gets its SIGTERM."""
        leaving: list[asyncio.Task[None]] = []
        for _ in range(self._size):
            await self._add()
            leaving.append(asyncio.create_task(self._leave(*self._servers.pop(0), self._workers.pop(0))))
        await asyncio.gather(*leaving)

    async def old_first(self) -> None:
        """Where there is no room for more: each old process is gone before the new one starts in its place."""
        for _ in range(self._size):
            server, port = self._servers.pop(0)
            await self._leave(server, port, self._workers.pop(0))
            await self._add(port)

    async def _add(self, port: int | None = None) -> None:
        (server, url), worker = await asyncio.gather(self._deployment.server(port), self._deployment.worker(self._bot))
        port = urlsplit(url).port
        assert port is not None
        self._servers.append((server, port))
        self._workers.append(worker)
        self._balancer.ports.append(port)

    async def _leave(self, server: Process, port: int, worker: Process) -> None:
        assert not any(await asyncio.gather(server.terminate(), worker.terminate()))
        self._balancer.ports.remove(port)
