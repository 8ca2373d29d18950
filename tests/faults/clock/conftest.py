"""Clocks to set, where libfaketime is installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from tests.faults.clock.wall import Wall, library


@pytest.fixture
def wall(tmp_path: Path) -> Callable[[], Wall]:
    """Makes clocks; skips where there is no libfaketime, except in CI, where that is a failure."""
    found = library()
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("libfaketime is missing: apt install faketime")
    numbers = count(1)
    return lambda: Wall(tmp_path / f"wall-{next(numbers)}", found)
