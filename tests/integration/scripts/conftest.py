from __future__ import annotations

import pytest

from tests.integration.scripts.desk import Desk
from unbroken.backend import Backend


@pytest.fixture
async def desk(backend: Backend) -> Desk:
    """A new session, with nothing in it."""
    return await Desk.open(backend, "s")
