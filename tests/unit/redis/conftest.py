from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.redis.server import ScriptedServer


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("router", "ready", "live"):
        monkeypatch.setattr(f"unbroken.redis.{module}.PAUSE", 0.004)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server
