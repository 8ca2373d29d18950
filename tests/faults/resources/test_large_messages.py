"""Messages at the limit and beyond it, by every way in, and a hundred of the largest at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.faults.record import record
from tests.faults.resources.deployment import MIB, Deploy, Deployment, client
from tests.faults.resources.peak import Peak
from tests.integration.server.site import Client, Reader
from unbroken.protocol import CloseCode

LIMIT = MIB
FRAME = 6 * LIMIT + 4096
"""Longest frame and body: what the longest message needs in JSON at worst."""
ASCII = "x" * LIMIT
ACCENTS = "é" * (LIMIT // 2)
SMILES = "😀" * (LIMIT // 4)
CONTROLS = "\x01" * LIMIT
"""Six bytes for each in JSON."""
PARALLEL = 100
EACH = 6 * MIB


@pytest.fixture
async def wide(deploy: Deploy) -> AsyncIterator[tuple[Deployment, Client]]:
    """A deployment that takes messages of a mebibyte."""
    deployment = deploy(message_bytes=LIMIT)
    server, _ = deployment.both()
    async with client(server) as site:
        site.http.timeout = httpx.Timeout(60)
        yield deployment, site


@pytest.mark.parametrize("text", [ASCII, ACCENTS, SMILES, CONTROLS], ids=["ascii", "accents", "smiles", "controls"])
async def test_the_longest_message_passes_by_every_way_and_one_character_more_by_none(
    wide: tuple[Deployment, Client], text: str
) -> None:
    _, site = wide
    longer = text + text[0]
    size = len(longer.encode())
    sentence = f"the message has {size} bytes; at most {LIMIT} are allowed"
    token, session = await site.session()
    headers = {"Authorization": f"Bearer {token}"}
    path = f"/sessions/{session}/messages"

    async with site.native(token, max_size=None) as reader, site.plain(token, max_size=None) as plain:
        await reader.send("native", text)
        assert (await reader.until("message.accepted", 30))["message"]["msg"] == text
        await reader.send("longer", longer)
        error = await reader.until("error", 30)
        assert (error["code"], error["message_id"], error["message"]) == ("bad_message", "longer", sentence)

        await plain.send(longer)
        async with asyncio.timeout(30):
            while not str(said := await plain.recv()).startswith("[error]"):
                pass
        assert said == f"[error] {sentence}"
        await plain.send(text)
        assert (await reader.until("message.accepted", 30))["message"]["msg"] == text

        posted = await site.http.post(path, json={"id": "http", "text": text}, headers=headers)
        assert posted.status_code == 202
        refused = await site.http.post(path, json={"text": longer}, headers=headers)
        assert (refused.status_code, refused.json()["error"]["message"]) == (422, sentence)

        # The tutorial's route gives it all back.
        history = (await site.http.get("/refresh_token", params={"token": token})).json()["messages"]
        assert [message["msg"] for message in history if message["role"] == "user"].count(text) == 3


async def test_frames_and_bodies_beyond_every_message_are_refused_unread(wide: tuple[Deployment, Client]) -> None:
    _, site = wide
    token, session = await site.session()
    async with site.native(token) as reader:
        with suppress(ConnectionClosed):
            await reader.socket.send("x" * (FRAME + 1))
        assert (await reader.ended(30))[0] == CloseCode.TOO_BIG
    async with site.plain(token) as plain:
        with suppress(ConnectionClosed):
            await plain.send("x" * (FRAME + 1))
        await plain.wait_closed()
        assert plain.close_code == CloseCode.TOO_BIG
    answer = await site.http.post(
        f"/sessions/{session}/messages", content=b"x" * (FRAME + 1), headers={"Authorization": f"Bearer {token}"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "bad_message")


async def test_a_mebibyte_where_the_limit_is_the_usual_one(deploy: Deploy) -> None:
    async with client(deploy().server()) as site:
        token, session = await site.session()
        async with site.native(token) as reader:
            await reader.until("snapshot")
            with suppress(ConnectionClosed):
                await reader.send("a", ASCII)
            assert (await reader.ended(30))[0] == CloseCode.TOO_BIG
        headers = {"Authorization": f"Bearer {token}"}
        answer = await site.http.post(f"/sessions/{session}/messages", json={"text": ASCII}, headers=headers)
        assert answer.status_code == 413
        answer = await site.http.post(f"/sessions/{session}/messages", json={"text": ASCII[:70_000]}, headers=headers)
        assert answer.status_code == 422
        assert "at most 65536 are allowed" in answer.text


async def answered(reader: Reader) -> None:
    """Reads until the reply is there: as an event, or in a snapshot after Redis cut off a server that reads slowly."""
    async with asyncio.timeout(90):
        while len(reader.messages) < 2:
            await reader.event(60)
    question, answer = reader.messages
    assert (len(question["msg"]), answer["reply_to"], answer["msg"]) == (LIMIT, "a", "ok")


async def test_a_hundred_of_the_longest_at_once(wide: tuple[Deployment, Client]) -> None:
    deployment, site = wide
    (server, worker) = deployment.parts
    sessions = await asyncio.gather(*(site.session() for _ in range(PARALLEL)))
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(site.native(token, max_size=None)) for token, _ in sessions]
        await asyncio.gather(*(reader.until("snapshot", 30) for reader in readers))
        async with Peak(server.stats) as serving, Peak(worker.stats) as working:
            await asyncio.gather(*(reader.send("a", "long " + ASCII[5:]) for reader in readers))
            await asyncio.gather(*(answered(reader) for reader in readers))
    print(f"server +{serving.grown / MIB:.0f} MiB, worker +{working.grown / MIB:.0f} MiB")
    assert serving.grown < PARALLEL * EACH
    assert working.grown < PARALLEL * EACH
    record("messages of a mebibyte", f"{PARALLEL} at once", injections=PARALLEL, checked="AG", violations={"A": 0})
