from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from tests.unit.redis.server import ScriptedServer
from unbroken.redis.dial import Dialer
from unbroken.redis.group import Group
from unbroken.redis.router import Router
from unbroken.redis.topology import Fixed, Topology


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("router", "ready", "live"):
        monkeypatch.setattr(f"unbroken.redis.{module}.PAUSE", 0.004)


@pytest.fixture(autouse=True)
def _nothing_unretrieved(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nobody leaves a future behind that failed without being looked at, or an error in a callback."""
    yield
    assert [record.getMessage() for record in caplog.get_records("call") if record.name == "asyncio"] == []


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
async def second() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
async def build_router(server: ScriptedServer) -> AsyncIterator[Callable[..., Router]]:
    """Makes routers for the first server that are closed at the end."""
    routers: list[Router] = []

    def build_router(
        topology: Topology | None = None, timeout: float = 5, acks: tuple[int, float] | None = None
    ) -> Router:
        dialer = Dialer(server.address, timeout / 2)
        group = Group(dialer, *acks) if acks else None
        routers.append(Router(dialer, topology or Fixed(), timeout, group))
        return routers[-1]

    yield build_router
    for router in routers:
        await router.close()
