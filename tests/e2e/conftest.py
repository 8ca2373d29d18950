"""A deployment of real processes for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.deployment import Deployment
from unbroken.embedded import Embedded


@pytest.fixture
async def deployment(
    valkey: Embedded, prefix: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Deployment]:
    """Servers and workers on the shared Valkey, with the settings that `request.param` gives.

    What they printed is shown if the test fails.
    """
    async with Deployment(valkey.address, prefix, tmp_path, **getattr(request, "param", {})) as deployment:
        yield deployment
        print(deployment.logs())
