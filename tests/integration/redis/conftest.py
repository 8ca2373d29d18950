from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

import pytest

from tests.conftest import make_settings
from unbroken.backend import Backend

OpenBackend: TypeAlias = Callable[..., Awaitable[Backend]]


@pytest.fixture
async def open_backend(prefix: str) -> AsyncIterator[OpenBackend]:
    """Opens backends on any server, and closes them after the test."""
    async with AsyncExitStack() as stack:

        async def open_backend(address: str, **options: Any) -> Backend:
            backend = await Backend.open(make_settings(address, **{"prefix": prefix} | options))
            stack.push_async_callback(backend.close)
            return backend

        yield open_backend
