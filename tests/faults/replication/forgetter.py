"""Somebody who sends one message after another, forgets each at once, and keeps only what was told about it."""

from __future__ import annotations

import asyncio
import contextlib
import json

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.faults.bots import question
from tests.faults.replication.books import Book, Losses
from unbroken.client import Client
from unbroken.protocol import SUBPROTOCOL

PAUSE = 0.08
"""Seconds between two messages."""


class Forgetter:
    """Sends until `over` is set. Nothing is sent a second time, so nothing heals."""

    def __init__(self, url: str, token: str, label: str) -> None:
        self.over = False
        self._book = Book()
        self._url = url
        self._token = token
        self._label = label
        self._number = 0

    @property
    def taken(self) -> int:
        """How many of its messages it was told are there, so far; without replicas to wait for, sockets say no more."""
        return len(self._book.acknowledged.union(self._book.accepted))

    @property
    def refused(self) -> int:
        """How often it was told that a message is not safe, so far."""
        return self._book.refused.total()

    def _next(self) -> tuple[str, str]:
        self._number += 1
        id_ = f"{self._label}-{self._number}"
        return id_, question(id_, 1, 0)

    async def by_request(self) -> None:
        """POST: the status says whether the message is safe."""
        address = f"{self._url}/sessions/{self._token.partition('.')[0]}/messages"
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {self._token}"}) as http:
            while not self.over:
                id_, text = self._next()
                async with http.post(address, json={"id": id_, "text": text}) as answer:
                    if answer.status == 202:
                        self._book.acknowledged.add(id_)
                    else:
                        self._book.refused[(await answer.json())["error"]["code"]] += 1
                await asyncio.sleep(PAUSE)

    async def by_socket(self) -> None:
        """A bare WebSocket: events say what became of a message."""
        address = f"{self._url.replace('http', 'ws')}/chat"
        headers = {"Authorization": f"Bearer {self._token}"}
        while not self.over:
            with contextlib.suppress(OSError, WebSocketException):
                async with connect(
                    address, subprotocols=[Subprotocol(SUBPROTOCOL)], additional_headers=headers, close_timeout=1
                ) as socket:
                    reading = asyncio.create_task(self._read(socket))
                    try:
                        while not self.over and not reading.done():
                            id_, text = self._next()
                            await socket.send(json.dumps({"type": "message.send", "id": id_, "text": text}))
                            await asyncio.sleep(PAUSE)
                    finally:
                        reading.cancel()
                        await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, socket: ClientConnection) -> None:
        async for raw in socket:
            event = json.loads(raw)
            match event["type"]:
                case "message.accepted":
                    self._book.accepted[event["message"]["id"]] = event["message"]["timestamp"]
                case "message.acknowledged":
                    self._book.acknowledged.add(event["message_id"])
                case "reply.completed":
                    self._book.replies[event["message"]["reply_to"]] = event["message"]["timestamp"]
                case "error":
                    self._book.refused[event["code"]] += 1

    async def settle(self, client: Client) -> Losses:
        """Comes back when all is over, and looks what is there."""
        chat = await client.attach(self._token)
        while chat.transcript.running or chat.transcript.waiting:
            await asyncio.sleep(0.05)
        losses = self._book.compare(await chat.history())
        await chat.close()
        return losses
