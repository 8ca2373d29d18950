"""Servers that die, freeze, or throw us out."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import Any

import pytest

from tests.conftest import StartValkey
from tests.integration.redis.conftest import OpenBackend
from tests.integration.redis.waiting import until
from unbroken.backend import Backend
from unbroken.embedded import Embedded
from unbroken.errors import Unavailable


def kill(server: Embedded) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)


def restart(server: Embedded) -> None:
    server.stop()
    server.start()


class Callers:
    """Callers that write and read back, each in its own key, until they are told to stop."""

    def __init__(self, backend: Backend, number: int) -> None:
        self._router = backend.redis.router
        self._backend = backend
        self._stop = False
        self.done = [0] * number
        self._tasks = [asyncio.create_task(self._run(n)) for n in range(number)]

    async def _run(self, number: int) -> None:
        tag = self._backend.keys.tags[number % len(self._backend.keys.tags)]
        key = f"{self._backend.keys.prefix}:{number}"
        while not self._stop:
            step = self.done[number]
            mine = f"{number}-{step}".encode()
            if number % 2:
                await self._router.command(tag, "SET", key, mine)
                assert await self._router.command(tag, "GET", key) == mine
            else:
                assert (await self._router.pipeline(tag, ("SET", key, mine), ("GET", key)))[1] == mine
            self.done[number] += 1

    async def all_went_on(self) -> None:
        """Returns when every caller did something more."""
        now = list(self.done)
        await until(lambda: all(after > before for before, after in zip(now, self.done, strict=True)) or self._failed())

    def _failed(self) -> bool:
        return any(task.done() for task in self._tasks)

    async def stop(self) -> None:
        self._stop = True
        await asyncio.gather(*self._tasks)


async def test_callers_survive_a_killed_server_and_nothing_is_mixed_up(
    private_valkey: StartValkey, open_backend: OpenBackend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "unbroken.redis")
    server = private_valkey()
    backend = await open_backend(server.address)
    callers = Callers(backend, 200)
    await callers.all_went_on()
    for _ in range(2):
        kill(server)
        await asyncio.sleep(0.3)  # they meet a server that is not there
        restart(server)
        await callers.all_went_on()
    await callers.stop()
    lines = [record.getMessage() for record in caplog.records if record.name == "unbroken.redis"]
    assert len(lines) == 4, lines
    assert [line.split()[0] for line in lines] == ["lost", "Redis", "lost", "Redis"]


async def test_messages_are_accepted_once_across_a_kill(private_valkey: StartValkey, open_backend: OpenBackend) -> None:
    server = private_valkey()
    backend = await open_backend(server.address)
    _, session = await backend.store.create("Ada")
    accepted = 0

    async def send_all() -> None:
        nonlocal accepted
        for number in range(15):
            await backend.queue.accept(session.id, f"m{number}", "hello")
            accepted += 1
            await asyncio.sleep(0.01)

    sending = asyncio.create_task(send_all())
    await until(lambda: accepted == 5)
    kill(server)
    await asyncio.sleep(0.1)
    restart(server)
    await sending
    history = (await backend.store.read(session.id)).messages
    assert [message.id for message in history] == [f"m{number}" for number in range(15)]
    assert [message.turn for message in history] == list(range(1, 16))


async def test_a_frozen_server_is_given_up_and_found_again(
    private_valkey: StartValkey, open_backend: OpenBackend
) -> None:
    server = private_valkey()
    backend = await open_backend(server.address, redis_timeout=1.0)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        started = asyncio.get_running_loop().time()
        results = await asyncio.gather(
            *(backend.redis.router.command("0", "ECHO", n) for n in range(20)), return_exceptions=True
        )
        assert all(isinstance(result, Unavailable) for result in results)
        assert asyncio.get_running_loop().time() - started < 3
        with pytest.raises(ConnectionError):
            await backend.redis.router.send("0", [("PING",)])
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert [await backend.redis.router.command("0", "ECHO", n) for n in range(3)] == [b"0", b"1", b"2"]


async def test_every_connection_comes_back_after_client_kill(
    private_valkey: StartValkey, open_backend: OpenBackend
) -> None:
    server = private_valkey()
    backend = await open_backend(server.address, ack="replica", ack_timeout=0.02)
    admin = (await open_backend(server.address)).redis.router
    _, session = await backend.store.create("Ada")
    tag = next(tag for tag in backend.keys.tags if tag != backend.keys.session(session.id).tag)
    heard: list[Any] = []
    live = backend.redis.live(lambda channel, payload: heard.append(payload), heard.append)
    await live.subscribe("channel", tag)
    ready = backend.redis.ready((tag,), "worker")
    reading = asyncio.create_task(ready.read(30))
    with pytest.raises(Unavailable):
        await backend.queue.accept(session.id, "m1", "hello")  # there is no replica, and now there is a connection
    own = await admin.command("0", "CLIENT", "ID")
    for name in (b"unbroken", b"unbroken-acks", b"unbroken-live", b"unbroken-ready"):
        rows = (await admin.command("0", "CLIENT", "LIST")).splitlines()
        clients = [dict(pair.split(b"=", 1) for pair in row.split()) for row in rows]
        victims = [client[b"id"] for client in clients if client[b"name"] == name and int(client[b"id"]) != own]
        assert len(victims) == 1, name
        await admin.command("0", "CLIENT", "KILL", "ID", victims[0])
    assert await backend.redis.router.command(tag, "PING") == b"PONG"
    with pytest.raises(Unavailable, match="too few replicas"):
        await backend.queue.accept(session.id, "m1", "hello")
    await until(lambda: heard == ["channel"])
    await admin.command(tag, "SPUBLISH", "channel", "again")
    await until(lambda: heard == ["channel", b"again"])
    await admin.command(tag, "XADD", backend.keys.partition(tag).ready, "7-0", "s", "session")
    assert await reading == [("7-0", "session")]
