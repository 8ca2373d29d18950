"""What `accepted` means with replicas, and with a disk."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import redis

from tests.conftest import StartValkey, make_settings
from tests.integration.redis.conftest import OpenBackend
from tests.integration.redis.waiting import eventually
from unbroken.backend import Backend
from unbroken.embedded import Embedded
from unbroken.errors import ConfigurationError, Unacknowledged
from unbroken.queue import Receipt
from unbroken.redis.dial import Dialer
from unbroken.redis.topology import Node


@contextmanager
def frozen(server: Embedded) -> Iterator[None]:
    """A replica that cannot be reached: its connections stay, and nothing goes through."""
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@pytest.fixture
async def pair(private_valkey: StartValkey, free_port: Callable[[], int]) -> tuple[Embedded, Embedded]:
    """A primary, and a replica that has caught up."""
    port = free_port()
    primary = private_valkey("--port", str(port), "--repl-diskless-sync-delay", "0")
    replica = private_valkey("--replicaof", f"127.0.0.1 {port}")
    wire, _ = await Dialer(primary.address, 5).dial(Node(), "test")

    async def caught_up() -> bool:
        await wire.call("SET", "probe", "1")
        return bool(await wire.call("WAIT", 1, 100) == 1)

    await eventually(caught_up)
    await wire.close()
    return primary, replica


async def acknowledged(backend: Backend, session: str, message_id: str) -> Receipt:
    """Sends a message as a client does: again, until it is acknowledged. A busy replica may take its time."""
    async with asyncio.timeout(20):
        while True:
            with suppress(Unacknowledged):
                return await backend.queue.accept(session, message_id, "hello")


async def ids(backend: Backend, session: str) -> list[str]:
    return [message.id for message in (await backend.store.read(session)).messages]


async def test_a_message_is_accepted_when_a_replica_has_it(
    pair: tuple[Embedded, Embedded], open_backend: OpenBackend
) -> None:
    primary, replica = pair
    backend = await open_backend(primary.address, ack="replica", ack_timeout=60)
    _, session = await backend.store.create("Ada")
    receipts = await asyncio.gather(*(backend.queue.accept(session.id, f"m{n}", "hello") for n in range(15)))
    assert sorted(receipt.turn.first for receipt in receipts) == list(range(1, 16))
    with pytest.raises(ConfigurationError, match="is a replica, which takes no writes"):
        await open_backend(replica.address)


async def test_without_the_replica_nothing_is_confirmed_not_even_what_was_sent_before(
    pair: tuple[Embedded, Embedded], open_backend: OpenBackend
) -> None:
    primary, replica = pair
    options = {"ack": "replica", "ack_timeout": 0.2}
    backend = await open_backend(primary.address, **options)
    _, session = await backend.store.create("Ada")
    await acknowledged(backend, session.id, "m1")
    with frozen(replica):
        with pytest.raises(Unacknowledged) as caught:
            await backend.queue.accept(session.id, "m2", "hello")
        assert caught.value.retry_after > 0
        with pytest.raises(Unacknowledged):
            await backend.queue.accept(session.id, "m2", "hello")
        # A connection that wrote nothing yet: WAIT has nothing to wait for, unless the script gives it something.
        other = await open_backend(primary.address, **options)
        with pytest.raises(Unacknowledged):
            await other.queue.accept(session.id, "m2", "hello")
    receipt = await acknowledged(other, session.id, "m2")
    assert receipt.duplicate
    assert receipt.turn.first == 2
    assert await ids(backend, session.id) == ["m1", "m2"]


async def test_many_callers_behind_a_frozen_replica_wait_twice_at_most(
    pair: tuple[Embedded, Embedded], open_backend: OpenBackend
) -> None:
    primary, replica = pair
    backend = await open_backend(primary.address, ack="replica", ack_timeout=3600)
    command = backend.redis.router.command
    first, *others = [(await backend.store.create("Ada"))[1].id for _ in range(30)]
    await backend.queue.accept(first, "m0", "hello")

    async def let_go() -> None:
        """Ends the wait for the replica, as its time would. Other commands do not stand in that queue."""
        async with asyncio.timeout(20):
            while not (found := re.search(rb"id=(\d+) .* flags=b.* cmd=wait ", await command("0", "CLIENT", "LIST"))):
                await asyncio.sleep(0.01)
        await command("0", "CLIENT", "UNBLOCK", found[1])

    with frozen(replica):
        waiting = [asyncio.create_task(backend.queue.accept(first, "m1", "hello"))]
        while not re.search(rb" flags=b.* cmd=wait ", await command("0", "CLIENT", "LIST")):
            await asyncio.sleep(0.01)
        waiting += [asyncio.create_task(backend.queue.accept(session, "m1", "hello")) for session in others]
        for _ in range(2):
            await let_go()
        async with asyncio.timeout(20):
            results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, Unacknowledged) for result in results)


async def test_what_was_acknowledged_is_there_after_the_primary_died(
    pair: tuple[Embedded, Embedded], open_backend: OpenBackend
) -> None:
    primary, replica = pair
    backend = await open_backend(primary.address, ack="replica", ack_timeout=0.3)
    _, session = await backend.store.create("Ada")
    await acknowledged(backend, session.id, "kept")
    with frozen(replica):
        with pytest.raises(Unacknowledged):
            await backend.queue.accept(session.id, "lost", "hello")
        assert primary.pid is not None
        os.kill(primary.pid, signal.SIGKILL)
        primary.stop()
    with redis.Redis.from_url(replica.address) as admin:
        admin.execute_command("REPLICAOF", "NO", "ONE")
    promoted = await open_backend(replica.address)
    assert "kept" in await ids(promoted, session.id)


async def test_ack_disk_is_checked(private_valkey: StartValkey, open_backend: OpenBackend) -> None:
    server = private_valkey()
    with pytest.raises(ConfigurationError, match="set appendonly to yes and appendfsync to always"):
        await Backend.open(make_settings(server.address, ack="disk"))
    admin = await open_backend(server.address)
    await admin.redis.router.command("0", "CONFIG", "SET", "appendfsync", "always")
    backend = await open_backend(server.address, ack="disk")
    _, session = await backend.store.create("Ada")
    await backend.queue.accept(session.id, "m1", "hello")
