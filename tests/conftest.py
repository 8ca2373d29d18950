"""What all tests share: a real Valkey for each test process, and for each test a part of it that is its own."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from blockbuster import blockbuster_ctx

from unbroken.config import Settings
from unbroken.embedded import Embedded, binaries
from unbroken.errors import ConfigurationError

if TYPE_CHECKING:
    from unbroken.backend import Backend

_numbers = count(1)
_MAY_BLOCK = {
    "unbroken/scripts.py": "source",  # a few small files, once
    "unbroken/server/page.py": "mount_page",  # the built page, before the server starts
    "unbroken/testing/deployed.py": ("_valkey", "_bots", "_working", "_serving"),  # starts all
    "redis/utils.py": "get_lib_version",
    "<frozen importlib._bootstrap>": "_find_and_load",
}


@pytest.fixture(autouse=True, scope="session")
def _own_environment() -> Iterator[None]:
    """Nothing that the developer has set reaches the tests."""
    own = {name for field in Settings.model_fields.values() for name in _variables(field.validation_alias)}
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name in own or name.startswith("UNBROKEN_"):
                patch.delenv(name)
        yield


def _variables(alias: Any) -> list[str]:
    return [str(choice) for choice in alias.choices] if alias else []


@pytest.fixture(autouse=True, scope="session")
def _no_blocking_calls() -> Iterator[None]:
    """A call in our code that blocks the event loop is an error."""
    # The embedded server is started before there is a loop, and inside one only by tests.
    with blockbuster_ctx("unbroken", excluded_modules=["unbroken.embedded"]) as busters:
        for buster in busters.functions.values():
            for file, functions in _MAY_BLOCK.items():
                buster.can_block_in(file, functions)
        yield


@pytest.fixture(scope="session")
def _bundled() -> None:
    """A real Valkey or no test: skips where nothing is bundled, except in CI, where that is a failure."""
    try:
        binaries.find()
    except ConfigurationError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))


@pytest.fixture(scope="session")
def valkey(_bundled: None) -> Iterator[Embedded]:
    """A server for all tests of this process; nothing may stop, flush or reconfigure it."""
    folder = tempfile.mkdtemp(prefix="ub-")
    with Embedded(Path(folder)) as server:
        yield server
    shutil.rmtree(folder)


class StartValkey(Protocol):
    """Starts a server of the test's own, by default in a new directory, and returns it."""

    def __call__(self, *extra_args: str, data_dir: Path | None = None) -> Embedded: ...


@pytest.fixture
def private_valkey(_bundled: None) -> Iterator[StartValkey]:
    """Servers for one test, to kill, fill up or restart."""
    started: list[Embedded] = []
    folders: list[str] = []

    def start(*extra_args: str, data_dir: Path | None = None) -> Embedded:
        if data_dir is None:
            folders.append(tempfile.mkdtemp(prefix="ub-"))
            data_dir = Path(folders[-1])
        started.append(Embedded(data_dir, extra_args=extra_args))
        started[-1].start()
        return started[-1]

    yield start
    for server in reversed(started):
        server.stop()
    for folder in folders:
        shutil.rmtree(folder)


@pytest.fixture
def prefix() -> str:
    """The first part of this test's keys, used by no other test."""
    return f"t{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def settings(request: pytest.FixtureRequest, valkey: Embedded, prefix: str) -> Settings:
    """Settings for the shared server; `@pytest.mark.settings(lease=5)` changes some."""
    overrides: dict[str, Any] = {"prefix": prefix}
    for mark in reversed(list(request.node.iter_markers("settings"))):
        overrides |= mark.kwargs
    return make_settings(valkey.address, **overrides)


def make_settings(address: str, **overrides: Any) -> Settings:
    """Settings for a server, without `.env`: a lease short enough to wait for, and a free port."""
    return Settings(_env_file=None, **{"redis_url": address, "lease": 1.5, "port": 0, **overrides})  # type: ignore[call-arg]


@pytest.fixture
async def backend(settings: Settings) -> AsyncIterator[Backend]:
    """An open backend for these settings, closed after the test."""
    from unbroken.backend import Backend  # here, so that tests without Redis do not load its client

    backend = await Backend.open(settings)
    yield backend
    await backend.close()


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Gives out TCP ports of the loopback that were free a moment ago."""

    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find
