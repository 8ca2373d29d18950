"""Clients that read slowly, late, or never: memory stays bounded, and whoever reads at last misses nothing."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from tests.integration.server.author import Author
from tests.integration.server.conftest import Serve
from tests.integration.server.site import Reader, Site, deaf, until
from unbroken.backend import Backend
from unbroken.protocol import CloseCode
from unbroken.server.bounds import Bounds
from unbroken.server.viewer import State
from unbroken.server.watch import Watch

PIECE = "x" * 8_000
BOUND = 65_536


def watches(site: Site) -> list[Watch]:
    found = [watcher for channel in site.service.hub._channels.values() for watcher in channel.watchers]
    assert all(isinstance(watcher, Watch) for watcher in found)
    return found  # type: ignore[return-value]


def held(site: Site) -> int:
    """Bytes that the server holds for its clients: in queues, beside reads, and in transports."""
    total = 0
    for watch in watches(site):
        viewer = watch._viewer
        total += viewer._queued + viewer._kept
    for connection in site.server.server_state.connections:
        total += connection.transport.get_write_buffer_size()
    return total


def widen(reader: Reader) -> None:
    """Lets the client's kernel take more from now on, so that catching up is quick."""
    reader.socket.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)


async def flood(author: Author, site: Site) -> int:
    """Writes until the kernel takes no more and the queue was dropped; returns the most bytes that the server held."""
    most = 0
    (watch,) = watches(site)
    for number in range(5_000):
        await author.say(f"{number} {PIECE}")
        most = max(most, held(site))
        if watch._viewer.state is State.BEHIND and number % 100 == 99:
            return most
    raise AssertionError("the client is not slow")


async def begun(site: Site, backend: Backend) -> tuple[str, Author]:
    token, session = await site.session()
    await backend.queue.accept(session, "a", "?")
    author = Author(backend, session)
    await author.start()
    return token, author


async def test_a_client_that_reads_late_gets_everything_and_the_server_holds_little(
    serve: Serve, backend: Backend
) -> None:
    site = await serve(Bounds(queue_bytes=BOUND))
    token, author = await begun(site, backend)
    async with deaf(site, token) as reader:
        await until(lambda: watches(site) and watches(site)[0].caught_up)
        most = await flood(author, site)
        assert most < 2 * BOUND + 65_536 + 2 * len(PIECE)
        widen(reader)
        while len(reader.said) < len(author.said):
            await reader.event(20)
        assert reader.said == author.said
        cursors = [event["cursor"] for event in reader.events[1:]]
        assert len(set(cursors)) == len(cursors)
        await author.say("and live again")
        assert (await reader.event())["text"] == "and live again"
        await author.end()
        assert (await reader.until("reply.completed", 20))["message"]["msg"] == author.said


@pytest.mark.parametrize("door", [True, False])
async def test_a_client_that_never_reads_is_closed_and_cut_off(serve: Serve, backend: Backend, door: bool) -> None:
    site = await serve(Bounds(queue_bytes=BOUND, stall=0.5, linger=0.5), door=door)
    token, author = await begun(site, backend)
    async with deaf(site, token) as reader:
        await until(lambda: watches(site) and watches(site)[0].caught_up)
        most = await flood(author, site)
        assert most < 2 * BOUND + 65_536 + 2 * len(PIECE)
        await until(lambda: not watches(site))
        assert len(site.service.clients) == 0
        await until(lambda: not site.server.server_state.connections - set(idle(site)), 10)
        with suppress(ConnectionClosed):
            while True:
                await reader.event()
        assert author.said.startswith(reader.said)


async def test_a_client_that_reads_again_in_time_reads_why_it_was_closed(serve: Serve, backend: Backend) -> None:
    site = await serve(Bounds(queue_bytes=BOUND, stall=0.3, linger=30))
    token, author = await begun(site, backend)
    async with deaf(site, token) as reader:
        await until(lambda: watches(site) and watches(site)[0].caught_up)
        await flood(author, site)
        await until(lambda: not watches(site))
        widen(reader)
        code, _ = await reader.ended(20)
        assert code == CloseCode.SLOW_CONSUMER
        assert author.said.startswith(reader.said)
        said, cursor = reader.said, reader.cursor
    async with site.native(token, cursor) as again:
        again.said = said
        while len(again.said) < len(author.said):
            await again.event(20)
        assert again.said == author.said
        assert "snapshot" not in again.types


async def test_a_stream_that_nobody_reads_is_ended_and_cut_off(serve: Serve, backend: Backend) -> None:
    site = await serve(Bounds(queue_bytes=BOUND, stall=0.3, linger=0.5))
    token, author = await begun(site, backend)
    host, port = site.address.split(":")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((host, int(port)))
    request = f"GET /sessions/{author.session}/events?token={token} HTTP/1.1\r\nHost: {site.address}\r\n\r\n"
    sock.sendall(request.encode())
    try:
        await until(lambda: watches(site) and watches(site)[0].caught_up)
        most = await flood(author, site)
        assert most < 2 * BOUND + 65_536 + 2 * len(PIECE)
        await until(lambda: not watches(site))
        await until(lambda: not site.server.server_state.connections - set(idle(site)), 10)
    finally:
        sock.close()


def idle(site: Site) -> list[object]:
    """Connections of this test's own HTTP client, which wait for its next request."""
    return [c for c in site.server.server_state.connections if not c.transport.get_write_buffer_size()]


async def test_a_client_that_only_talks_nonsense_and_never_listens_fills_nothing(serve: Serve) -> None:
    site = await serve(Bounds(violations=10**9, queue_bytes=BOUND, stall=60))
    token, _ = await site.session()
    async with deaf(site, token) as reader:
        await until(lambda: watches(site) and watches(site)[0].caught_up)

        async def talk() -> None:
            while True:
                await reader.socket.send("nonsense" * 1_000)

        talking = asyncio.create_task(talk())
        try:
            for _ in range(50):
                await asyncio.sleep(0.02)
                assert held(site) < 2 * 65_536
        finally:
            talking.cancel()
            reader.socket.transport.abort()
