"""How a chat ends, and what does not end it: close codes, refusals, servers that ask to leave or are not there."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.client.memory import MemoryServer, Session, serving
from tests.integration.client.watching import drain, joined, logged, seen
from unbroken.client import Client
from unbroken.errors import (
    Closed,
    MessageRefused,
    NotAuthenticated,
    ProtocolViolation,
    SessionGone,
    Unavailable,
    UnbrokenError,
    Unreachable,
)
from unbroken.protocol import (
    CloseCode,
    Error,
    Reconnect,
    encode,
)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (CloseCode.SESSION_GONE, SessionGone),
        (CloseCode.POLICY, NotAuthenticated),
        (CloseCode.TOO_BIG, MessageRefused),
        (CloseCode.BAD_COMMAND, ProtocolViolation),
        (CloseCode.NORMAL, Closed),
        (4321, Closed),
    ],
)
async def test_close_codes_that_are_final_reach_everyone_who_waits(
    client: Client, server: MemoryServer, code: int, error: type[UnbrokenError]
) -> None:
    server.session.hold.clear()
    chat = await client.attach("t")
    sent = await chat.send("one")
    await sent.accepted()
    feed = chat.events()
    waiting = [asyncio.create_task(sent.reply()), asyncio.create_task(drain(feed))]
    await asyncio.sleep(0)
    await server.sockets[0].close(code, "because")
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[0], error)
    assert isinstance(results[1], error) or (error is Closed and results[1] is None)
    with pytest.raises(error):
        await chat.send("two")
    assert len(server.connections) == 1


@pytest.mark.parametrize("code", [1001, 1011, 1012, 1013, 3000, 4500, 4999])
async def test_every_other_close_code_reconnects(client: Client, server: MemoryServer, code: int) -> None:
    chat = await client.attach("t")
    await server.sockets[0].close(code)
    sent = await chat.send("one")
    assert (await sent.reply()).msg == joined("one")
    assert server.connections == [None, "0"]


async def test_a_session_that_went_while_we_were_away_is_gone(client: Client, server: MemoryServer) -> None:
    server.session.hold.clear()
    chat = await client.attach("t")
    sent = await chat.send("one")
    await sent.accepted()
    server.refuse = 403
    server.sockets[0].transport.abort()
    with pytest.raises(SessionGone):
        await sent.reply()
    with pytest.raises(SessionGone):
        await chat.cancel("a")


async def test_the_session_gone_event_ends_the_chat(client: Client, server: MemoryServer) -> None:
    chat = await client.attach("t")
    await server.sockets[0].send(encode(Error("session_gone", "it expired")), text=True)
    with pytest.raises(SessionGone, match="it expired"):
        await drain(chat.events())


async def test_a_wrong_token_is_refused_at_once(client: Client, server: MemoryServer) -> None:
    server.refuse = 403
    with pytest.raises(NotAuthenticated):
        await client.attach("wrong")


async def test_a_server_that_asks_to_reconnect_is_obeyed(client: Client, server: MemoryServer) -> None:
    chat = await client.attach("t")
    clock = asyncio.get_running_loop().time
    began = clock()
    await server.sockets[0].send(encode(Reconnect(0.4)), text=True)
    sent = await chat.send("one")
    await sent.reply()
    assert len(server.connections) == 1, "until then the old connection serves"
    while len(server.connections) < 2:
        await asyncio.sleep(0.01)
    assert 0.35 < clock() - began < 2


async def test_the_time_to_reconnect_holds_when_the_server_closes_first(client: Client, server: MemoryServer) -> None:
    await client.attach("t")
    clock = asyncio.get_running_loop().time
    began = clock()
    await server.sockets[0].send(encode(Reconnect(0.4)), text=True)
    await server.sockets[0].close(CloseCode.RESTART)
    while len(server.connections) < 2:
        await asyncio.sleep(0.01)
    assert 0.35 < clock() - began < 2


async def test_the_next_server_is_tried_when_one_dies() -> None:
    session = Session()
    answering = asyncio.create_task(session.answer())
    async with serving(session) as one, serving(session) as two:
        async with Client("http://127.0.0.1:1", one.url, two.url, timeout=5) as client:
            chat = await client.attach("t")
            watching = asyncio.create_task(seen(chat, 3))
            for number in range(3):
                await (await chat.send(str(number))).reply()
                for server in (one, two):
                    for socket in server.sockets:
                        socket.transport.abort()
            assert logged(await watching) == session.log
        assert one.connections
        assert two.connections
    answering.cancel()


async def test_a_server_that_lets_nobody_in_now_is_not_nobody() -> None:
    async with serving() as server, Client(server.url, timeout=0.5) as client:
        server.refuse = 503
        with pytest.raises(
            Unavailable, match=f"^the chat server cannot do this now: {server.url}: .*HTTP 503$"
        ) as raised:
            await client.attach("t")
        assert not isinstance(raised.value, Unreachable)


async def test_nobody_there_is_said_in_one_sentence() -> None:
    async with Client("http://127.0.0.1:1", timeout=0.3) as client:
        with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1: nobody listens there"):
            await client.attach("t")
