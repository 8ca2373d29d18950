"""A long reply over a bad line: the socket is cut again and again, and no token is lost or doubled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
from websockets.asyncio.client import ClientConnection, connect

from tests.e2e.bots import answer, words
from tests.e2e.deployment import Deployment
from unbroken.protocol import SUBPROTOCOL, TOKEN_SUBPROTOCOL

CUTS = 5
READ = 40
"""Pieces between two cuts."""


def said(seen: list[dict[str, Any]]) -> str:
    """The text of all pieces."""
    return "".join(event["text"] for event in seen if event["type"] == "reply.delta")


async def listen(socket: ClientConnection, seen: list[dict[str, Any]], enough: Callable[[int], bool]) -> bool:
    """Collects events until so many pieces are enough, or the reply is complete; returns whether it is."""
    pieces = 0
    async for frame in socket:
        seen.append(json.loads(frame))
        if seen[-1]["type"] == "reply.completed":
            return True
        pieces += seen[-1]["type"] == "reply.delta"
        if enough(pieces):
            break
    return False


async def test_five_cuts_between_two_servers(deployment: Deployment, tmp_path: Path) -> None:
    (_, first), (second, _) = await asyncio.gather(deployment.server(), deployment.both())
    urls = first, second
    gate = tmp_path / "gate"
    question = f"long 300 20 {gate}"
    held = "".join(words(question)[:-1])  # after a pause of the machine, all of it may come at once
    async with aiohttp.ClientSession() as http, http.post(f"{urls[0]}/token", params={"name": "Ada"}) as made:
        token = (await made.json())["token"]

    seen: list[dict[str, Any]] = []
    for visit in range(CUTS + 1):
        cursor = next((event["cursor"] for event in reversed(seen) if "cursor" in event), "")
        address = f"{urls[visit % 2].replace('http', 'ws')}/chat" + (f"?cursor={cursor}" if cursor else "")
        async with connect(address, subprotocols=[SUBPROTOCOL, TOKEN_SUBPROTOCOL + token]) as socket:  # type: ignore[list-item]
            if visit == 0:
                await socket.send(json.dumps({"type": "message.send", "id": "q", "text": question}))
            if visit == CUTS:
                gate.touch()
            done = await listen(
                socket, seen, lambda pieces: not gate.exists() and (pieces >= READ or said(seen) == held)
            )
            assert done is (visit == CUTS)
            if not done:
                socket.transport.abort()  # no close frame: the line is just dead

    assert len([event for event in seen if event["type"] == "snapshot"]) == 1, "only the first visit needs a snapshot"
    assert len([event for event in seen if event["type"] == "reply.started"]) == 1
    assert said(seen) in (held, answer(question)), "the last word may come with the end alone"
    assert seen[-1]["message"]["msg"] == answer(question)
    cursors = [event["cursor"] for event in seen if "cursor" in event]
    assert len(cursors) == len(set(cursors)), "no event twice"

    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http,
        http.get(f"{urls[1]}/sessions/{token.partition('.')[0]}") as found,
    ):
        history = (await found.json())["messages"]
    assert [message["msg"] for message in history] == [question, answer(question)]
