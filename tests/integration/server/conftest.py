from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeAlias

import pytest

from tests.integration.server.site import Site, serving
from unbroken.backend import Backend
from unbroken.config import Settings
from unbroken.models.scripted import Scripted
from unbroken.server.bounds import Bounds
from unbroken.worker.bots import Bots
from unbroken.worker.worker import Worker

Serve: TypeAlias = Callable[..., Awaitable[Site]]


@pytest.fixture
async def serve(settings: Settings) -> AsyncIterator[Serve]:
    """Starts servers of the test's deployment; bounds and settings can be given."""
    async with AsyncExitStack() as stack:

        async def start(bounds: Bounds = Bounds(), *, door: bool = True, **changes: object) -> Site:  # noqa: B008
            changed = settings.model_copy(update={"drain_grace": 1.0, "session_ttl": 600, **changes})
            return await stack.enter_async_context(serving(changed, bounds, door=door))

        yield start


@pytest.fixture
async def site(serve: Serve) -> Site:
    return await serve()


@pytest.fixture
async def bot(backend: Backend) -> AsyncIterator[Scripted]:
    """A bot that does what the messages say, run by a real worker."""
    bot = Scripted()
    worker = Worker(backend, Bots.of(bot))
    task = asyncio.create_task(worker.run())
    yield bot
    worker.stop()
    worker.stop()
    async with asyncio.timeout(20):
        await task
