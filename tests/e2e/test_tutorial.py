"""The steps of the tutorial, as its own client takes them."""

from __future__ import annotations

import json

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.e2e.bots import answer
from tests.e2e.deployment import Deployment
from unbroken.backend import Backend


async def test_from_the_name_to_three_replies_in_order(deployment: Deployment, backend: Backend) -> None:
    url, _ = await deployment.both()
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{url}/token", params={"name": "Ada"}) as made:
            assert made.status == 200
            chat = await made.json()
        assert {"token", "messages", "name", "session_start"} <= chat.keys()
        assert (chat["name"], chat["messages"]) == ("Ada", [])
        async with http.post(f"{url}/token", params={"name": ""}) as refused:
            assert refused.status == 400
            assert (await refused.json())["detail"] == {"loc": "name", "msg": "Enter a valid name"}

        questions = [f"q{number} 5 30" for number in range(3)]
        async with connect(f"{url.replace('http', 'ws')}/chat?token={chat['token']}") as socket:
            for question in questions:
                await socket.send(question)
            assert [await socket.recv() for _ in questions] == [answer(question) for question in questions]

        async with http.get(f"{url}/refresh_token", params={"token": chat["token"]}) as found:
            history = await found.json()
        assert (history["name"], history["session_start"]) == ("Ada", chat["session_start"])
        assert [m["msg"] for m in history["messages"] if m["role"] == "user"] == questions
        assert all({"id", "msg", "timestamp"} <= message.keys() for message in history["messages"])
        async with http.get(f"{url}/refresh_token", params={"token": "nobody.knows"}) as expired:
            assert expired.status == 400

    await check_redis(backend, chat["token"].partition(".")[0])


async def check_redis(backend: Backend, session: str) -> None:
    """What somebody who looks into Redis finds."""
    keys = backend.keys.session(session)
    document = json.loads(await backend.redis.router.command(keys.tag, "JSON.GET", keys.doc, "$"))[0]
    assert document["name"] == "Ada"
    assert len(document["messages"]) == 6
    assert session not in document["token_digest"]
    assert 0 < await backend.redis.router.command(keys.tag, "PTTL", keys.doc) <= backend.settings.session_ttl * 1000
    ends = await backend.redis.router.pipeline(keys.tag, *(("PEXPIRETIME", key) for key in keys.owned))
    alive = [end for end in ends if end != -2]  # an empty inbox is no key
    assert len(alive) >= 4
    assert len(set(alive)) == 1, "they expire together"
    queue = await backend.redis.router.command(keys.tag, "XINFO", "GROUPS", keys.ready)
    assert queue[0][b"name"] == b"workers"


async def test_without_a_valid_token_the_socket_is_refused(deployment: Deployment) -> None:
    _, url = await deployment.server()
    for query in ("", "?token=nobody.knows"):
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{url.replace('http', 'ws')}/chat{query}")
        assert refused.value.response.status_code == 403


async def test_activity_renews_the_time_to_live(deployment: Deployment, backend: Backend) -> None:
    url, _ = await deployment.both()
    async with aiohttp.ClientSession() as http, http.post(f"{url}/token", params={"name": "Ada"}) as made:
        token = (await made.json())["token"]
    keys = backend.keys.session(token.partition(".")[0])
    for key in keys.owned:
        await backend.redis.router.command(keys.tag, "PEXPIRE", key, 60_000)
    async with connect(f"{url.replace('http', 'ws')}/chat?token={token}") as socket:
        await socket.send("once 1 0")
        await socket.recv()
    lives = await backend.redis.router.pipeline(keys.tag, ("PTTL", keys.doc), ("PTTL", keys.state), ("PTTL", keys.log))
    assert min(lives) > 3_000_000
