"""No descriptor left: what is connected goes on, what is new is sent away, nothing spins, and it heals by itself."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from websockets.exceptions import InvalidStatus

from tests.conftest import StartValkey
from tests.faults.record import record
from tests.faults.resources.deployment import Deploy, Part, client
from tests.integration.server.process import process
from tests.integration.server.site import Client, Reader
from unbroken import descriptors
from unbroken.config import Settings
from unbroken.server.bounds import Bounds

LIMIT = 128
ROOM = LIMIT // 2
"""Lasting connections that a server with so few descriptors takes."""
BUSY = 0.2
"""Of one core: more is spinning. An idle server takes less than a tenth of that."""
LOOKS = 10
"""Times that a process is looked at until it is quiet: one that spins never is, others may have work to finish."""


@contextmanager
def strangers(address: str, count: int) -> Iterator[list[socket.socket]]:
    """Connections that ask for nothing."""
    host, _, port = address.rpartition(":")
    sockets = [socket.create_connection((host, int(port)), 5) for _ in range(count)]
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()


def quiet(part: Part) -> bool:
    """Whether a process takes little of a core, now or a few seconds later."""
    for _ in range(LOOKS):
        before, began = part.cpu, time.monotonic()
        time.sleep(1.0)
        if (part.cpu - before) / (time.monotonic() - began) < BUSY:
            return True
    return False


async def until(condition: Callable[[], bool], timeout: float = 60.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.02)


async def status(site: Client, token: str) -> tuple[int, str]:
    """Of a handshake, with what it says about trying again."""
    try:
        async with site.native(token):
            return 101, ""
    except InvalidStatus as refused:
        return refused.response.status_code, refused.response.headers.get("Retry-After", "")


async def test_a_server_with_many_clients_sends_the_next_away_and_says_why(deploy: Deploy) -> None:
    deployment = deploy(sockets_per_session=1000)
    server, _ = deployment.both()
    server.descriptors(LIMIT)
    async with client(server) as site, AsyncExitStack() as crowd:
        token, session = await site.session()
        readers: list[Reader] = [await crowd.enter_async_context(site.native(token)) for _ in range(ROOM)]
        assert await status(site, token) == (503, "1")
        events = await site.http.get(f"/sessions/{session}/events", params={"token": token})
        assert (events.status_code, events.headers["retry-after"]) == (503, "1")
        server.until(
            f"{ROOM} clients are connected, and new ones are sent away: .* only {LIMIT} files and sockets open"
        )
        # Those who are in are served, and short requests too.
        assert (await site.http.get("/healthz")).status_code == 200
        await readers[0].send("a", "pace 0.02; count 20")
        for reader in readers:
            await reader.until("reply.completed")
        await readers[0].socket.close()
        await until(lambda: server.stats.num_fds() < LIMIT)
        async with asyncio.timeout(60):
            while (await status(site, token))[0] != 101:
                await asyncio.sleep(0.1)
    record("descriptors of a server", "many clients", checked="CDG", violations={"D": 0})


async def test_a_server_without_a_descriptor_serves_on_and_comes_back(deploy: Deploy) -> None:
    deployment = deploy()
    server, _ = deployment.both()
    server.descriptors(LIMIT)
    async with client(server) as site:
        token, _ = await site.session()
        async with site.native(token) as reader:
            with strangers(site.address, 2 * LIMIT):
                await until(lambda: server.stats.num_fds() >= LIMIT)
                assert await asyncio.to_thread(quiet, server)
                await reader.send("a", "pace 0.02; count 50")
                await reader.until("reply.delta")
                # Redis hangs up, and there is no descriptor to connect to it again.
                with deployment.commands() as redis:
                    redis.client_kill_filter(_type="normal", skipme=True)
                    redis.client_kill_filter(_type="pubsub", skipme=True)
                server.until("lost Redis")
                assert await asyncio.to_thread(quiet, server)
            completed = await reader.until("reply.completed")
            assert completed["message"]["msg"] == "".join(f"{number} " for number in range(1, 51))
            assert await status(site, token) == (101, "")
        assert (await site.http.get("/readyz")).status_code == 200
    record("descriptors of a server", "none left, Redis hangs up", checked="CD", violations={"D": 0})


def test_every_process_raises_its_limit_as_far_as_it_may(deploy: Deploy) -> None:
    deployment = deploy()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))  # what the parts begin with
    try:
        parts = [deployment.server(), deployment.worker()]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wanted = min(hard, 65_536) if hard != resource.RLIM_INFINITY else 65_536
    assert [part.stats.rlimit(psutil.RLIMIT_NOFILE) for part in parts] == [(wanted, hard)] * 2


def test_a_low_limit_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(descriptors, "LOW", descriptors.limit() + 1)
    descriptors.raise_limit(logging.getLogger("unbroken.server"))
    assert f"may have only {descriptors.limit()} files and sockets open" in caplog.text


async def test_connections_that_never_ask_are_cut_off(settings: Settings) -> None:
    silence = 1.0
    with process(settings, Bounds(silence=silence)) as server:
        before, began = server.stats.num_fds(), time.monotonic()
        with strangers(server.address, 20) as sockets:
            for one in sockets:
                one.settimeout(60)
                assert one.recv(1) == b""
                assert time.monotonic() - began > silence
            await until(lambda: server.stats.num_fds() == before)


async def test_a_worker_without_a_descriptor_fails_one_reply_and_runs_the_others(
    deploy: Deploy, tmp_path: Path
) -> None:
    deployment = deploy()
    server, worker = deployment.both()
    worker.descriptors(LIMIT)
    door = tmp_path / "door"
    door.touch()
    async with client(server) as site:
        (greedy, _), (modest, _) = await site.session(), await site.session()
        async with site.native(greedy) as one, site.native(modest) as other:
            await one.send("a", f"sockets {door}")
            assert (await one.until("reply.delta"))["text"] == "Too many open files"
            assert worker.stats.num_fds() >= LIMIT
            await other.send("b", "count 20")
            await other.until("reply.completed")
            # A bot that needs a connection fails its own reply, and the log says what is missing.
            await other.send("c", "connect")
            failed = await other.until("reply.failed")
            assert failed["message"]["error"]["code"] == "bot_error"
            worker.until(rf"reply failed \[{failed['message']['error']['reference']}\].*Too many open files")
            assert await asyncio.to_thread(quiet, worker)
            door.unlink()
            await one.until("reply.completed")
            await other.send("d", "connect")
            assert (await other.until("reply.completed"))["message"]["msg"] == "ok"
    record("descriptors of a worker", "none left", checked="AB", violations={"A": 0})


async def test_a_redis_with_as_many_clients_as_it_may_turns_nobody_out(
    deploy: Deploy, private_valkey: StartValkey, free_port: Callable[[], int]
) -> None:
    port = free_port()
    redis = private_valkey("--maxclients", "40", "--bind", "127.0.0.1", "--port", str(port))
    deployment = deploy(redis, f"redis://127.0.0.1:{port}")
    server, worker = deployment.both()
    async with client(server) as site, AsyncExitStack() as others:
        token, _ = await site.session()
        async with site.native(token) as reader:
            answer = b""
            while not answer.startswith(b"-ERR max number of clients"):
                other = others.enter_context(socket.socket(socket.AF_UNIX))
                other.connect(deployment.redis.address.removeprefix("unix://"))
                with suppress(BrokenPipeError):  # turned away already
                    other.sendall(b"PING\r\n")
                answer = other.recv(100)
            await reader.send("a", "count 20")
            await reader.until("reply.completed")
            late = deployment.begin("server", "--port", "0")
            late.until(f"Error: Redis at 127.0.0.1:{port} serves as many clients as it may; raise its maxclients")
            assert late.wait() == 1
            await others.aclose()
            await reader.send("b", "count 20")
            await reader.until("reply.completed")
    assert server.running
    assert worker.running
    deployment.server()
    record("clients of Redis", "at maxclients", checked="AD", violations={"A": 0})
