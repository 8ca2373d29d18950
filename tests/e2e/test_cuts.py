"""A long reply over a bad line: the socket is cut again and again, and no token is lost or doubled."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.e2e.bots import answer, words
from tests.e2e.deployment import Deployment
from unbroken.protocol import SUBPROTOCOL, TOKEN_SUBPROTOCOL

CUTS = 5
QUESTION = "long 300 100"


async def listen(socket: ClientConnection, seen: list[dict[str, Any]], seconds: float) -> bool:
    """Collects events until the time is over or the reply is complete; returns whether it is."""
    try:
        async with asyncio.timeout(seconds):
            async for frame in socket:
                seen.append(json.loads(frame))
                if seen[-1]["type"] == "reply.completed":
                    return True
    except TimeoutError:
        pass
    return False


@pytest.mark.timeout(90)
async def test_five_cuts_in_thirty_seconds_between_two_servers(deployment: Deployment) -> None:
    urls = [(await deployment.server())[1] for _ in range(2)]
    await deployment.worker()
    async with aiohttp.ClientSession() as http, http.post(f"{urls[0]}/token", params={"name": "Ada"}) as made:
        token = (await made.json())["token"]

    seen: list[dict[str, Any]] = []
    for visit in range(CUTS + 1):
        cursor = next((event["cursor"] for event in reversed(seen) if "cursor" in event), "")
        address = f"{urls[visit % 2].replace('http', 'ws')}/chat" + (f"?cursor={cursor}" if cursor else "")
        async with connect(address, subprotocols=[SUBPROTOCOL, TOKEN_SUBPROTOCOL + token]) as socket:  # type: ignore[list-item]
            if visit == 0:
                await socket.send(json.dumps({"type": "message.send", "id": "q", "text": QUESTION}))
            done = await listen(socket, seen, 5.0 if visit < CUTS else 40.0)
            if visit < CUTS:
                socket.transport.abort()  # no close frame: the line is just dead
    assert done

    assert len([event for event in seen if event["type"] == "snapshot"]) == 1, "only the first visit needs a snapshot"
    assert len([event for event in seen if event["type"] == "reply.started"]) == 1
    text = "".join(event["text"] for event in seen if event["type"] == "reply.delta")
    assert text == answer(QUESTION)
    cursors = [event["cursor"] for event in seen if "cursor" in event]
    assert len(cursors) == len(set(cursors)), "no event twice"
    assert len([event for event in seen if event["type"] == "reply.delta"]) > len(words(QUESTION)) / 2, "it streamed"

    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http,
        http.get(f"{urls[1]}/sessions/{token.partition('.')[0]}") as found,
    ):
        history = (await found.json())["messages"]
    assert [message["msg"] for message in history] == [QUESTION, text]
