"""Users who talk all the time while the deployment is replaced under them, each in another way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any
from urllib.parse import quote

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.typing import Subprotocol

from tests.e2e.bots import answer
from tests.faults.deploys.screen import Screen
from unbroken.client import Client
from unbroken.protocol import SUBPROTOCOL, CloseCode, Error
from unbroken.types import Status

Talk = Callable[[Screen, str], Coroutine[Any, Any, None]]
"""Sends one message after the other and reads each reply as it streams, until the screen says that one was the last."""


async def by_client(screen: Screen, url: str) -> None:
    """Uses the client as a program does."""
    async with Client(url, timeout=90) as client:
        chat = await client.create(screen.name)
        watching = asyncio.create_task(_no_errors(chat.events()))
        screen.moved()
        while not screen.over:
            id_, text = screen.message
            sent = await chat.send(text, id=id_)
            said = ""
            async for piece in sent:
                screen.restarts += piece.restart
                said = piece if piece.restart else said + piece
                assert answer(text).startswith(said)
                screen.moved()
            reply = await sent.reply()
            assert (reply.status, reply.msg, said) == (Status.COMPLETED, said, answer(text))
            screen.replies += 1
            assert not watching.done(), watching.exception()
        watching.cancel()
        history = await chat.history()
        assert len(history) == 2 * screen.replies
        assert {m.id: m.msg for m in history} == {m.id: m.msg for m in chat.transcript.messages}


async def _no_errors(events: AsyncIterator[Any]) -> None:
    async for event in events:
        assert not isinstance(event, Error), event


async def _token(url: str, name: str) -> str:
    async with aiohttp.ClientSession() as http, http.post(f"{url}/token", params={"name": name}) as made:
        assert made.status == 200, await made.text()
        return str((await made.json())["token"])


async def by_socket(screen: Screen, url: str) -> None:
    """Comes back with the cursor, as soon as it may, and sends again what has no outcome."""
    headers = {"Authorization": f"Bearer {await _token(url, screen.name)}"}
    screen.moved()
    while True:
        pause = 0.1
        address = f"{url.replace('http', 'ws')}/chat?cursor={quote(screen.cursor)}"
        try:
            async with connect(
                address, subprotocols=[Subprotocol(SUBPROTOCOL)], additional_headers=headers, open_timeout=90
            ) as socket:
                pause = await _talk(screen, socket)
            if screen.over:
                return
        except InvalidStatus as refused:
            if refused.response.status_code != 503:
                raise
            pause = max(pause, float(refused.response.headers["Retry-After"]))
        except (ConnectionClosed, InvalidMessage, OSError):
            pass  # nobody listens, or not any more
        await asyncio.sleep(pause)


async def _talk(screen: Screen, socket: ClientConnection) -> float:
    """Returns the seconds until the next connection; ConnectionClosed if the server did not say."""
    pause: float | None = None
    try:
        while not screen.over:
            event = json.loads(await socket.recv())
            if event["type"] == "reconnect":
                pause = event["after"]
            elif (screen.take(event) or event["type"] == "session.ready") and not screen.over:
                id_, text = screen.message
                await socket.send(json.dumps({"type": "message.send", "id": id_, "text": text}))
    except ConnectionClosed as closed:
        if pause is None or closed.rcvd is None or closed.rcvd.code != CloseCode.RESTART:
            raise
    return pause or 0.0


async def by_stream(screen: Screen, url: str) -> None:
    """Reads as a browser's EventSource does, which gives up for good at any error but a lost connection."""
    token = await _token(url, screen.name)
    address = f"{url}/sessions/{token.partition('.')[0]}"
    retry = [1.0]
    screen.moved()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
        await _post(http, address, screen)
        while True:
            try:
                async with http.get(f"{address}/events", headers={"Last-Event-ID": screen.cursor}) as answer:
                    assert answer.status == 200, await answer.text()
                    async for event in _events(answer.content, retry):
                        if screen.take(event):
                            if screen.over:
                                return
                            await _post(http, address, screen)
            except (aiohttp.ClientError, OSError):
                pass
            await asyncio.sleep(retry[0])


async def _events(lines: aiohttp.StreamReader, retry: list[float]) -> AsyncIterator[dict[str, Any]]:
    """The events of a stream; `retry` is set to the seconds that it asks for."""
    cursor = ""
    async for raw in lines:
        name, _, value = raw.decode().rstrip("\n").partition(": ")
        if name == "id":
            cursor = value
        elif name == "retry":
            retry[0] = float(value) / 1000
        elif name == "data":
            yield {**json.loads(value), **({"cursor": cursor} if cursor else {})}
            cursor = ""


async def _post(http: aiohttp.ClientSession, address: str, screen: Screen) -> None:
    """Sends the message until somebody accepts it."""
    id_, text = screen.message
    while True:
        try:
            async with http.post(f"{address}/messages", json={"id": id_, "text": text}) as answer:
                if answer.status == 202:
                    return
                assert answer.status == 503, await answer.text()
        except (aiohttp.ClientError, OSError):
            pass
        await asyncio.sleep(0.1)
