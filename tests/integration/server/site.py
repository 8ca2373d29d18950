"""A server on a free port, and clients that keep what they are shown."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any

import httpx
import jsonschema
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from unbroken.backend import Backend
from unbroken.config import Settings
from unbroken.protocol import SUBPROTOCOL, TOKEN_SUBPROTOCOL
from unbroken.server.app import create_app
from unbroken.server.asyncapi import asyncapi
from unbroken.server.bounds import Bounds
from unbroken.server.run import Server
from unbroken.server.service import Service

SOON = 20.0
"""Seconds after which something that takes an instant is given up, also on a busy machine."""


async def until(condition: Callable[[], object], timeout: float = SOON) -> None:
    """Waits for something in this process to become true."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)


class Client:
    """Speaks to a server."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.http = httpx.AsyncClient(base_url=f"http://{address}", timeout=SOON, trust_env=False)

    async def session(self, name: str = "Ada") -> tuple[str, str]:
        """Creates a session; returns its token and its id."""
        chat = (await self.http.post("/token", params={"name": name})).raise_for_status().json()
        return chat["token"], chat["session_id"]

    @asynccontextmanager
    async def native(self, token: str, cursor: str | None = None, **options: Any) -> AsyncIterator[Reader]:
        query = f"?cursor={cursor}" if cursor else ""
        subprotocols = [Subprotocol(SUBPROTOCOL), Subprotocol(TOKEN_SUBPROTOCOL + token)]
        url = f"ws://{self.address}/chat{query}"
        async with connect(url, subprotocols=subprotocols, compression=None, proxy=None, **options) as socket:
            yield Reader(socket)

    @asynccontextmanager
    async def plain(self, token: str | None, **options: Any) -> AsyncIterator[ClientConnection]:
        query = f"?token={token}" if token is not None else ""
        async with connect(f"ws://{self.address}/chat{query}", proxy=None, **options) as socket:
            yield socket


class Site(Client):
    """One running server, in this process."""

    def __init__(self, server: Server, settings: Settings) -> None:
        super().__init__(f"127.0.0.1:{server.port}")
        self.server = server
        self.settings = settings

    @property
    def service(self) -> Service:
        service: Service = self.server._app.state.service
        return service

    @property
    def backend(self) -> Backend:
        return self.service.backend


@asynccontextmanager
async def serving(settings: Settings, bounds: Bounds, *, door: bool = True) -> AsyncIterator[Site]:
    """Runs a server in this process; without the door it writes as any ASGI server would let it."""
    app = await asyncio.to_thread(create_app, settings, bounds)  # it may read a file, before any loop runs
    server = Server(app, settings, bounds)
    if not door:
        server.config.ws = WebSocketsSansIOProtocol
    task = asyncio.create_task(server.serve())
    while not server.started:
        if task.done():
            task.result()
        await asyncio.sleep(0.005)
    site = Site(server, settings)
    try:
        yield site
    finally:
        await site.http.aclose()
        server.should_exit = True
        async with asyncio.timeout(settings.drain_grace + SOON):
            await task


@cache
def _validator(type_: str) -> jsonschema.Draft202012Validator:
    document = asyncapi()
    events = [ref["$ref"].rpartition("/")[2] for ref in document["operations"]["events"]["messages"]]
    (message,) = [m for key in events if (m := document["components"]["messages"][key])["name"] == type_]
    return jsonschema.Draft202012Validator({**message["payload"], "components": document["components"]})


class Reader:
    """Reads `unbroken.v1`, and keeps what a page would show. Every event has to fit the AsyncAPI document."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self.cursor = ""
        self.messages: list[dict[str, Any]] = []
        self.said = ""

    async def event(self, timeout: float = SOON) -> dict[str, Any]:
        """The next event."""
        async with asyncio.timeout(timeout):
            raw = await self.socket.recv()
        assert isinstance(raw, str)
        event: dict[str, Any] = json.loads(raw)
        _validator(event["type"]).validate(event)
        self.events.append(event)
        self._show(event)
        return event

    async def until(self, type_: str, timeout: float = SOON, **members: Any) -> dict[str, Any]:
        """The next event of this type with these members; what comes before is read too."""
        async with asyncio.timeout(timeout):
            while True:
                event = await self.event(timeout)
                if event["type"] == type_ and members.items() <= event.items():
                    return event

    async def ended(self, timeout: float = SOON) -> tuple[int, str]:
        """Reads to the end; returns the close code and reason."""
        with suppress(ConnectionClosed):
            async with asyncio.timeout(timeout):
                while True:
                    await self.event(timeout)
        assert self.socket.close_code is not None
        return self.socket.close_code, self.socket.close_reason or ""

    async def send(self, id_: str, text: str) -> None:
        await self.command("message.send", id=id_, text=text)

    async def command(self, type_: str, **members: Any) -> None:
        await self.socket.send(json.dumps({"type": type_, **members}))

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def _show(self, event: dict[str, Any]) -> None:
        self.cursor = event.get("cursor", self.cursor)
        match event["type"]:
            case "snapshot":
                self.messages, self.said = event["messages"], ""
            case "message.accepted":
                self.messages.append(event["message"])
            case "reply.started":
                self.said = event["text"]
            case "reply.delta":
                self.said += event["text"]
            case "reply.completed" | "reply.failed" | "reply.cancelled":
                self.messages.append(event["message"])
                self.said = ""


@asynccontextmanager
async def deaf(site: Client, token: str) -> AsyncIterator[Reader]:
    """A client whose kernel takes little, and which reads nothing until it is asked to."""
    host, port = site.address.split(":")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((host, int(port)))
    sock.setblocking(False)
    async with site.native(
        token, sock=sock, max_queue=1, max_size=None, ping_interval=None, close_timeout=0.1
    ) as reader:
        yield reader
