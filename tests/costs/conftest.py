from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.costs.monitor import Count, Monitor
from unbroken.embedded import Embedded


@pytest.fixture
async def count(valkey: Embedded) -> AsyncIterator[Count]:
    """Counts what Redis is asked for in a block."""
    async with Monitor.connected(valkey.address) as (monitor, marker):
        yield Count(monitor, marker)
