from __future__ import annotations

from tests.steady import SteadyLoop


def pytest_asyncio_loop_factories() -> dict[str, type[SteadyLoop]]:
    """Deadlines in the process of the tests do not count what a busy machine takes from it; Redis' own do."""
    return {"steady": SteadyLoop}
