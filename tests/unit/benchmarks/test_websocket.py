"""The load generator's half of the protocol, against the half of the `websockets` library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

from benchmarks.load.websocket import WebSocket

SIZES = (0, 1, 125, 126, 300, 65_535, 65_536, 70_000)


class Client(WebSocket):
    def __init__(self, host: str, path: str = "/chat") -> None:
        super().__init__(host, path, ("one", "two"))
        self.texts: asyncio.Queue[bytes] = asyncio.Queue()
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def text(self, payload: bytes) -> None:
        self.texts.put_nowait(payload)

    def lost(self, reason: str) -> None:
        self.over.set_result(reason)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def handle(connection: ServerConnection) -> None:
        assert connection.request
        if connection.request.path == "/leave":
            await connection.close(4000, "enough")
            return
        await (await connection.ping())
        async for message in connection:
            assert isinstance(message, str)
            await connection.send("x" * int(message) if message.isdigit() else message)

    def refuse(connection: ServerConnection, request: object) -> object:
        return connection.respond(403, "no") if "/refuse" in str(request) else None

    async with serve(handle, "127.0.0.1", 0, process_request=refuse, compression=None) as server:  # type: ignore[arg-type]
        yield next(iter(server.sockets)).getsockname()[1]


async def connect(port: int, path: str = "/chat") -> Client:
    client = Client(f"127.0.0.1:{port}", path)
    await asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", port)
    return client


async def test_reads_texts_of_every_size_and_answers_pings(port: int) -> None:
    client = await connect(port)
    # The server sends nothing before its ping was answered.
    await asyncio.sleep(0)
    while not client._open:
        await asyncio.sleep(0.01)
    for size in SIZES:
        client.send(str(size).encode())
        assert await asyncio.wait_for(client.texts.get(), 30) == b"x" * size
    long = b"y" * 200
    client.send(long)
    assert await asyncio.wait_for(client.texts.get(), 30) == long
    client.close()
    await asyncio.sleep(0.01)
    assert not client.over.done(), "who closes has lost nothing"


async def test_reads_frames_that_are_cut_anywhere() -> None:
    texts = [b"a" * size for size in (3, 0, 125, 126, 66_000)]
    frames = b"".join(Frame(Opcode.TEXT, text).serialize(mask=False) for text in texts)
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
    for step in (1, 2, 7, 1000, len(head + frames)):
        client = Client("x")
        whole = head + frames
        for start in range(0, len(whole), step):
            client.data_received(whole[start : start + step])
        assert [client.texts.get_nowait() for _ in texts] == texts
        assert client.texts.empty()


async def test_says_why_it_was_lost(port: int) -> None:
    left, refused = await connect(port, "/leave"), await connect(port, "/refuse")
    assert await asyncio.wait_for(left.over, 30) == "closed by the server: 4000 enough"
    assert "403" in await asyncio.wait_for(refused.over, 30)
