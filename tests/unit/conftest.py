from __future__ import annotations

from tests.steady import SteadyLoop


def pytest_asyncio_loop_factories() -> dict[str, type[SteadyLoop]]:
    """Unit tests measure and bound time by a clock that does not count what a busy machine takes from them."""
    return {"steady": SteadyLoop}
