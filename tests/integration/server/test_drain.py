"""SIGTERM: everyone is let go, nothing is lost, and the process ends in time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.integration.server.author import Author
from tests.integration.server.process import Process, process
from tests.integration.server.site import SOON, Client, deaf
from tests.integration.server.test_slow import PIECE
from unbroken.backend import Backend
from unbroken.config import Settings
from unbroken.models.scripted import Scripted
from unbroken.protocol import CloseCode
from unbroken.server.bounds import Bounds


async def ends(server: Process) -> int:
    """Its exit code, long before the grace of these tests is over."""
    return await asyncio.to_thread(server.wait, SOON)


async def eventually(condition: Callable[[], object], timeout: float = SOON) -> None:
    async with asyncio.timeout(timeout):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.02)


async def test_everyone_is_let_go_and_the_log_holds_no_token(settings: Settings, bot: Scripted) -> None:
    with process(settings, drain_grace=3600.0) as server:
        client = Client(server.address)
        token, session = await client.session()
        events = f"/sessions/{session}/events?token={token}"
        async with (
            client.native(token) as native,
            client.plain(token) as plain,
            client.http.stream("GET", events) as stream,
        ):
            lines = stream.aiter_lines()
            await native.until("snapshot")
            await plain.send("say first; wait go; say , then the rest")
            while native.said != "first":
                await native.event()
            server.stop()
            reconnect = await native.until("reconnect")
            assert 0 <= reconnect["after"] <= 1
            assert (await native.ended())[0] == CloseCode.RESTART
            told = [line async for line in lines]
            assert [line for line in told if line][-1].startswith("retry: ")
            # The plain client still waits for its reply, so the server is still there, but for nobody new.
            assert (await client.http.get("/readyz")).status_code == 503
            assert (await client.http.get("/healthz")).status_code == 200
            with pytest.raises(InvalidStatus) as refused:
                async with client.native(token):
                    pass
            assert refused.value.response.status_code == 503
            assert (await client.http.get("/refresh_token", params={"token": token})).status_code == 200
            bot.open("go")
            assert await asyncio.wait_for(plain.recv(), SOON) == "first, then the rest"
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(plain.recv(), SOON)
            assert plain.close_code == CloseCode.RESTART
        await client.http.aclose()
        assert await ends(server) == 0
        assert "/refresh_token" in server.output
        assert '"WebSocket /chat" [accepted]' in server.output
        assert token not in server.output
        assert token.partition(".")[2] not in server.output
        assert "Traceback" not in server.output


async def test_a_reply_that_takes_too_long_does_not_hold_the_server(settings: Settings, bot: Scripted) -> None:
    with process(settings, drain_grace=1.0) as server:
        client = Client(server.address)
        token, _ = await client.session()
        async with client.plain(token) as plain, client.native(token) as native:
            await plain.send("say x; hang")
            while native.said != "x":
                await native.event()
            server.stop()
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(plain.recv(), SOON)
            assert plain.close_code == CloseCode.RESTART
        await client.http.aclose()
        assert await ends(server) == 0


async def test_without_clients_it_ends_at_once_and_a_second_signal_ends_the_wait(
    settings: Settings, bot: Scripted
) -> None:
    with process(settings, drain_grace=3600.0) as server:
        server.stop()
        assert await ends(server) == 0
    with process(settings, drain_grace=3600.0) as server:
        client = Client(server.address)
        token, _ = await client.session()
        async with client.plain(token) as plain:
            await plain.send("hang")
            async with client.native(token) as native:
                await native.until("snapshot")
                while "reply.started" not in native.types:
                    await native.event()
                server.stop()
                await native.ended()
            server.stop()
            assert await ends(server) == 0
        await client.http.aclose()


@asynccontextmanager
async def stopped_midway(server: Process, backend: Backend) -> AsyncIterator[None]:
    """Stops the server while Redis lets the first write of the block wait; it is done once the server is stopping."""
    command = backend.redis.router.command

    async def stop() -> None:
        async with asyncio.timeout(SOON):
            while not re.search(rb"name=unbroken .* flags=b.* cmd=evalsha ", await command("0", "CLIENT", "LIST")):
                await asyncio.sleep(0.01)
        server.stop()
        with suppress(ConnectionRefusedError):
            while True:  # until nobody new is let in
                _, writer = await asyncio.open_connection(*server.address.split(":"))
                writer.close()
                await asyncio.sleep(0.01)
        await command("0", "CLIENT", "UNPAUSE")

    await command("0", "CLIENT", "PAUSE", 60_000, "WRITE")
    stopping = asyncio.create_task(stop())
    try:
        yield
        await stopping
    finally:
        await command("0", "CLIENT", "UNPAUSE")


async def test_a_request_under_way_is_answered(settings: Settings, backend: Backend) -> None:
    with process(settings, drain_grace=60.0, redis_timeout=60.0) as server:
        client = Client(server.address)
        token, session = await client.session()
        async with stopped_midway(server, backend):
            url = f"/sessions/{session}/messages"
            sent = await client.http.post(url, json={"text": "x"}, params={"token": token})
            assert sent.status_code == 202
        await client.http.aclose()
        assert await ends(server) == 0


async def test_a_handshake_under_way_is_answered(settings: Settings, backend: Backend) -> None:
    with process(settings, drain_grace=60.0, redis_timeout=60.0) as server:
        client = Client(server.address)
        token, _ = await client.session()
        async with stopped_midway(server, backend), client.native(token) as native:
            await native.until("reconnect")
            assert (await native.ended())[0] == CloseCode.RESTART
        await client.http.aclose()
        assert await ends(server) == 0


async def test_a_client_that_never_reads_costs_little_and_is_cut_off(settings: Settings, backend: Backend) -> None:
    with process(settings, Bounds(stall=0.5, linger=0.5)) as server:
        client = Client(server.address)
        token, session = await client.session()
        await backend.queue.accept(session, "a", "?")
        author = Author(backend, session)
        await author.start()
        async with deaf(client, token) as reader:
            await asyncio.sleep(0.1)
            before = server.stats.memory_info().rss
            await author.publish(2_500, PIECE)  # 20 MB
            assert server.stats.memory_info().rss - before < 10_000_000
            port = int(server.address.split(":")[1])

            def sockets() -> list[object]:
                found = server.stats.net_connections("tcp")
                return [c for c in found if c.status == "ESTABLISHED" and c.laddr.port == port]

            await client.http.aclose()
            await eventually(lambda: not sockets())
            reader.socket.transport.abort()


async def test_a_client_that_never_reads_does_not_hold_a_stopping_server(settings: Settings, backend: Backend) -> None:
    with process(settings, drain_grace=1.0) as server:
        client = Client(server.address)
        token, session = await client.session()
        await backend.queue.accept(session, "a", "?")
        author = Author(backend, session)
        await author.start()
        async with deaf(client, token) as reader:
            await author.publish(1_000, PIECE)
            server.stop()
            assert await ends(server) == 0
            reader.socket.transport.abort()
        await client.http.aclose()


async def test_a_setting_that_cannot_work_ends_the_start_with_a_sentence(settings: Settings) -> None:
    with pytest.raises(AssertionError, match="UNBROKEN_JWT_SECRET"), process(settings, jwt_secret="short"):
        pass
