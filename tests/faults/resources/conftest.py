from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import StartValkey
from tests.faults.resources.deployment import Deploy, Deployment
from unbroken.embedded import Embedded


@pytest.fixture
def deploy(private_valkey: StartValkey) -> Iterator[Deploy]:
    """Deployments of the test's own; without a Redis given, each gets one."""
    made: list[Deployment] = []

    def start(redis: Embedded | None = None, address: str | None = None, **settings: object) -> Deployment:
        made.append(Deployment(redis or private_valkey(), address, **settings))
        return made[-1]

    yield start
    for deployment in made:
        deployment.end()
