"""A server for the schedules of this process alone: they flush it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.model.connection import Connection
from tests.model.shape import CHANNELS
from unbroken.embedded import Embedded


@pytest.fixture(scope="session")
def flushable(_bundled: None) -> Iterator[Embedded]:
    """A Valkey that nobody else uses, with the settings of the embedded one but no file."""
    folder = tempfile.mkdtemp(prefix="ub-model-")
    with Embedded(Path(folder), extra_args=("--appendonly", "no")) as server:
        yield server
    shutil.rmtree(folder)


@pytest.fixture
def connection(flushable: Embedded) -> Iterator[Connection]:
    """A connection that hears all that the sessions of the model publish."""
    connection = Connection(flushable.address)
    connection.subscribe(*CHANNELS)
    yield connection
    connection.close()
