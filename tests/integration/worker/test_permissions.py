"""A user of Redis who loses a permission that a worker cannot do without."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import StartValkey, make_settings
from tests.integration.worker.harness import Talk, working
from unbroken.backend import Backend
from unbroken.errors import ConfigurationError
from unbroken.models.scripted import Scripted
from unbroken.worker.bots import Bots
from unbroken.worker.worker import Worker


async def test_a_refusal_for_good_ends_the_worker_with_one_sentence(private_valkey: StartValkey) -> None:
    address = private_valkey().address
    admin = await Backend.open(make_settings(address))
    backend: Backend | None = None
    try:
        await admin.redis.router.command("0", "ACL", "SETUSER", "app", "on", ">s3cret", "~*", "&*", "+@all")
        backend = await Backend.open(make_settings(address.replace("unix://", "unix://app:s3cret@")))
        async with working(backend, Scripted()):
            await (await Talk.begin(backend)).ask("hello")
        worker = asyncio.create_task(Worker(backend, Bots.of(Scripted())).run())
        await admin.redis.router.command("0", "ACL", "SETUSER", "app", "-xreadgroup")
        with pytest.raises(ConfigurationError, match=r"Redis refuses what a worker needs \(NOPERM .*xreadgroup"):
            await asyncio.wait_for(worker, 30)
    finally:
        if backend is not None:
            await backend.close()
        await admin.close()
