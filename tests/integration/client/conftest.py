"""A server that a test can cut at any frame, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.client.memory import MemoryServer, serving
from unbroken.client import Client


@pytest.fixture
async def server() -> AsyncIterator[MemoryServer]:
    async with serving() as server:
        yield server


@pytest.fixture
async def client(server: MemoryServer) -> AsyncIterator[Client]:
    async with Client(server.url, timeout=5) as client:
        yield client
