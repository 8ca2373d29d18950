"""Fifty clients that stop reading in the middle of a reply of several megabytes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from tests.faults.record import record
from tests.faults.resources.bots import PIECE
from tests.faults.resources.deployment import MIB, Deploy, Deployment
from tests.faults.resources.peak import Peak
from tests.integration.server.process import Process, process
from tests.integration.server.site import Client, deaf
from unbroken.protocol import CloseCode
from unbroken.server.bounds import Bounds

DEAF = 50
KILOBYTES = 6000
ALL = PIECE * KILOBYTES
STALL = 8.0
"""Seconds; who reads may stand still for as long."""
EACH = MIB
"""What a client that does not read may cost: its queue, what the transport holds, and one page of the log."""


def handshake(host: str, token: str) -> bytes:
    """The request that opens a WebSocket."""
    return (
        f"GET /chat HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Sec-WebSocket-Protocol: unbroken.v1, unbroken.token.{token}\r\n\r\n"
    ).encode()


async def drip(sock: socket.socket, seconds: float) -> int:
    """Reads a byte a second until the other side has ended the connection; returns how many it got."""
    loop = asyncio.get_running_loop()
    got = 0
    with suppress(ConnectionError):
        async with asyncio.timeout(seconds):
            while data := await loop.sock_recv(sock, 1):
                got += len(data)
                await asyncio.sleep(1)
    return got


def connected(server: Process, sock: socket.socket) -> bool:
    """Whether the server has the other end of this connection."""
    return any(one.raddr == sock.getsockname() for one in server.stats.net_connections("tcp"))


@asynccontextmanager
async def watched(deploy: Deploy, bounds: Bounds) -> AsyncIterator[tuple[Deployment, Process, Client]]:
    """A server and a worker."""
    deployment = deploy(reply_bytes=2 * len(ALL))
    deployment.worker()
    settings = deployment.settings()
    with process(settings, bounds, sockets_per_session=DEAF + 10, sessions_per_minute=0) as server:
        site = Client(server.address)
        try:
            yield deployment, server, site
        finally:
            await site.http.aclose()


async def test_they_cost_little_hold_up_nobody_and_find_their_place_again(deploy: Deploy, tmp_path: Path) -> None:
    door = tmp_path / "door"
    door.touch()
    async with AsyncExitStack() as stack:
        deployment, server, site = await stack.enter_async_context(watched(deploy, Bounds(stall=STALL, linger=60.0)))
        token, _ = await site.session()
        crowd = [await stack.enter_async_context(deaf(site, token)) for _ in range(DEAF)]
        reader = await stack.enter_async_context(site.native(token, max_size=None))
        await asyncio.gather(*(one.until("snapshot") for one in crowd))
        async with Peak(server.stats) as peak:
            await reader.send("a", f"flood {KILOBYTES} {door}")
            while len(reader.said) < len(ALL):
                await reader.event(30)
            streamed = peak.grown
            door.unlink()
            completed = await reader.until("reply.completed", 30)
        assert completed["message"]["msg"] == ALL
        print(f"memory grew by {streamed / MIB:.1f} MiB while it streamed, then by {peak.grown / MIB:.1f} MiB")
        assert streamed < DEAF * EACH
        assert peak.grown < DEAF * EACH + 8 * len(ALL)
        await reader.socket.close()
        with deployment.commands() as redis:
            async with asyncio.timeout(60):
                while redis.pubsub_shardchannels("*:events"):  # until the last one was let go
                    await asyncio.sleep(0.05)
        # Each reads at last: what was under way, and why it was closed.
        for one in crowd:
            one.socket.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)
        ends = await asyncio.gather(*(one.ended(60) for one in crowd))
        assert {code for code, _ in ends} == {CloseCode.SLOW_CONSUMER}
        assert all(ALL.startswith(one.said) for one in crowd)
        async with site.native(token, crowd[0].cursor, max_size=None) as again:
            while len(again.messages) < 2:  # a snapshot by now: the log of the reply was trimmed
                await again.event(30)
            assert again.messages[1]["msg"] == ALL
    record("client that never reads", f"{DEAF} of them, a reply of {KILOBYTES} KB", injections=DEAF, checked="CDG")


async def test_a_client_that_reads_a_byte_a_second_is_let_go(deploy: Deploy, tmp_path: Path) -> None:
    door = tmp_path / "door"  # open from the start
    async with watched(deploy, Bounds(stall=1.0, linger=1.0)) as (_, server, site):
        token, session = await site.session()
        host, port = site.address.split(":")
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect((host, int(port)))
            sock.setblocking(False)
            sock.send(handshake(host, token))
            async with asyncio.timeout(90):
                while not connected(server, sock):
                    await asyncio.sleep(0.05)
                dripping = asyncio.create_task(drip(sock, 90))
                site.http.headers["Authorization"] = f"Bearer {token}"
                path = f"/sessions/{session}"
                sent = await site.http.post(f"{path}/messages", json={"text": f"flood {KILOBYTES} {door}"})
                assert sent.status_code == 202
                while len(messages := (await site.http.get(path)).json()["messages"]) < 2:
                    await asyncio.sleep(0.1)
                assert messages[1]["msg"] == ALL
                while connected(server, sock):
                    await asyncio.sleep(0.05)
                dripping.cancel()
    record("client that reads a byte a second", f"a reply of {KILOBYTES} KB", checked="G")
