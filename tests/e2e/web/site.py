"""A deployment with its page, for tests of the page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp

from tests.conftest import make_settings
from tests.e2e.deployment import Deployment, Process
from tests.e2e.web.bots import GATES
from unbroken.backend import Backend

BOT = "tests.e2e.web.bots:bot"


class Key(NamedTuple):
    """The key to a session."""

    id: str
    token: str

    @property
    def secret(self) -> str:
        return self.token.partition(".")[2]


class Site:
    """One server and one worker, and what a test does to them.

    Attributes:
        url: of the page, without a slash at the end.
    """

    def __init__(self, deployment: Deployment, gates: Path) -> None:
        self.deployment = deployment
        self._numbers = count(1)
        self._gates = gates
        gates.mkdir(exist_ok=True)
        deployment.environment[GATES] = str(gates)
        self.server: Process
        self.worker: Process
        self.url = ""

    async def start(self, *, worker: bool = True) -> None:
        (self.server, self.url), _ = await asyncio.gather(
            self.deployment.server(), self.start_worker() if worker else asyncio.sleep(0)
        )

    async def start_worker(self) -> None:
        self.worker = await self.deployment.worker(BOT)

    async def restart_server(self) -> None:
        """Starts the server again, at the same address, after it was stopped."""
        self.server, self.url = await self.deployment.server(urlsplit(self.url).port)

    def gate(self) -> str:
        """A name on which replies wait; no other test uses it."""
        return f"gate{next(self._numbers)}"

    def open(self, gate: str) -> None:
        """Lets every reply go on that waits for this name."""
        (self._gates / gate).touch()

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @asynccontextmanager
    async def backend(self) -> AsyncIterator[Backend]:
        """Around the server: straight to its Redis."""
        environment = self.deployment.environment
        backend = await Backend.open(make_settings(environment["REDIS_URL"], prefix=environment["UNBROKEN_PREFIX"]))
        yield backend
        await backend.close()

    async def create(self, name: str = "Ada") -> Key:
        """A new session."""
        async with aiohttp.ClientSession() as http, http.post(f"{self.url}/token", params={"name": name}) as made:
            answer = await made.json()
        return Key(answer["session_id"], answer["token"])

    async def history(self, key: Key) -> list[dict[str, Any]]:
        """The messages of a session, as the API gives them."""
        headers = {"Authorization": f"Bearer {key.token}"}
        async with aiohttp.ClientSession(headers=headers) as http, http.get(f"{self.url}/sessions/{key.id}") as found:
            assert found.status == 200, await found.text()
            return list((await found.json())["messages"])

    async def send(self, key: Key, text: str) -> None:
        """Sends a message from elsewhere."""
        headers = {"Authorization": f"Bearer {key.token}"}
        url = f"{self.url}/sessions/{key.id}/messages"
        async with aiohttp.ClientSession(headers=headers) as http, http.post(url, json={"text": text}) as sent:
            assert sent.status == 202, await sent.text()

    async def history_when(self, key: Key, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """The messages of a session, as soon as this holds for them."""
        async with asyncio.timeout(60):
            while not holds(found := await self.history(key)):
                await asyncio.sleep(0.05)
        return found
