"""What the tutorial promises, step by step, with its own words."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.integration.server.conftest import Serve
from tests.integration.server.site import SOON, Site
from unbroken.log import Page
from unbroken.models.scripted import Scripted


async def test_a_token_for_a_name(site: Site) -> None:
    answer = await site.http.post("/token?name=Ada")
    assert answer.status_code == 200
    chat = answer.json()
    assert set(chat) == {"token", "messages", "name", "session_start", "session_id"}
    assert (chat["messages"], chat["name"]) == ([], "Ada")
    assert len(chat["token"]) > 22  # 128 bits at least
    assert answer.headers["cache-control"] == "no-store"
    assert (await site.session())[0] != chat["token"]


@pytest.mark.parametrize("query", ["", "?name=", "?name=%20%09", "?name=" + "x" * 101, "?name=a%00b"])
async def test_no_name(site: Site, query: str) -> None:
    answer = await site.http.post(f"/token{query}")
    assert answer.status_code == 400
    assert answer.json() == {"detail": {"loc": "name", "msg": "Enter a valid name"}}


async def test_names_are_trimmed_and_may_be_anything_readable(site: Site) -> None:
    for given, kept in ((" Ada  Lovelace ", "Ada  Lovelace"), ("名前 👩‍👩‍👧", "名前 👩‍👩‍👧"), ("x" * 100, "x" * 100)):
        assert (await site.http.post("/token", params={"name": given})).json()["name"] == kept


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_refresh_token_gives_the_whole_history(site: Site, bot: Scripted, method: str) -> None:
    token, session = await site.session()
    async with site.plain(token) as socket:
        for text in ("one", "two"):
            await socket.send(text)
            assert await socket.recv() == text
    for request in (
        site.http.build_request(method, "/refresh_token", params={"token": token}),
        site.http.build_request(method, "/refresh_token", headers={"Authorization": f"Bearer {token}"}),
    ):
        answer = await site.http.send(request)
        assert answer.status_code == 200
        chat = answer.json()
        assert (chat["token"], chat["name"], chat["session_id"]) == (token, "Ada", session)
        assert [message["msg"] for message in chat["messages"]] == ["one", "one", "two", "two"]
        assert {"id", "msg", "timestamp"} <= set(chat["messages"][0])


@pytest.mark.parametrize("query", ["", "?token=", "?token=nonsense", "?token=nobody.secret", "?token=%C3%BC.x"])
async def test_refresh_token_of_an_expired_session(site: Site, query: str) -> None:
    answer = await site.http.get(f"/refresh_token{query}")
    assert answer.status_code == 400
    assert answer.json() == {"detail": "Session expired or does not exist"}


async def test_a_wrong_secret_opens_nothing(site: Site) -> None:
    token, session = await site.session()
    for wrong in (session, f"{session}.", f"{session}.{'A' * 32}", token[:-1], token + "A"):
        assert (await site.http.get("/refresh_token", params={"token": wrong})).status_code == 400


async def test_chat_without_or_with_a_wrong_token_is_refused_at_the_handshake(site: Site) -> None:
    for token in (None, "", "nobody.secret"):
        with pytest.raises(InvalidStatus) as refused:
            async with site.plain(token):
                pass
        assert refused.value.response.status_code == 403


async def test_three_messages_at_once_get_three_whole_replies_in_order(site: Site, bot: Scripted) -> None:
    token, _ = await site.session()
    async with site.plain(token) as socket:
        for text in ("count 30", "say hello", "count 3"):
            await socket.send(text)
        replies = [await asyncio.wait_for(socket.recv(), SOON) for _ in range(3)]
        assert replies == ["".join(f"{n} " for n in range(1, 31)), "hello", "1 2 3 "]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.1)


async def test_a_failed_reply_is_its_sentence_and_a_stopped_one_what_it_said(site: Site, bot: Scripted) -> None:
    token, session = await site.session()
    auth = {"Authorization": f"Bearer {token}"}
    async with site.plain(token) as socket:
        await socket.send("say half; fail The model is away.")
        assert await asyncio.wait_for(socket.recv(), SOON) == "The model is away."
        url = f"/sessions/{session}/messages"
        await site.http.post(url, json={"id": "stop", "text": "say half; hang"}, headers=auth)
        async with site.native(token) as other:
            while other.said != "half":
                await other.event()
        await site.http.post(f"/sessions/{session}/cancel", json={"message_id": "stop"}, headers=auth)
        assert await asyncio.wait_for(socket.recv(), SOON) == "half"


async def test_an_error_is_one_line_and_the_socket_stays(serve: Serve, bot: Scripted) -> None:
    site = await serve(message_bytes=10)
    token, _ = await site.session()
    async with site.plain(token) as socket:
        for wrong in ("x" * 11, "   ", b"binary"):
            await socket.send(wrong)
            line = await asyncio.wait_for(socket.recv(), SOON)
            assert isinstance(line, str)
            assert line.startswith("[error] ")
            assert "\n" not in line
        await socket.send("fine")
        assert await asyncio.wait_for(socket.recv(), SOON) == "fine"


async def test_no_history_on_connecting_but_what_was_still_to_come(site: Site, bot: Scripted) -> None:
    token, _ = await site.session()
    async with site.plain(token) as socket:
        await socket.send("old")
        assert await asyncio.wait_for(socket.recv(), SOON) == "old"
        await socket.send("wait go; say late")
        await socket.send("say later")
        async with asyncio.timeout(SOON):
            while not bot.waiting["go"]:
                await asyncio.sleep(0.01)
    async with site.plain(token) as socket:
        bot.open("go")
        assert await asyncio.wait_for(socket.recv(), SOON) == "late"
        assert await asyncio.wait_for(socket.recv(), SOON) == "later"


async def test_a_reply_that_is_ready_at_once_is_not_lost_on_a_new_socket(
    site: Site, bot: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    resume = site.backend.log.resume

    async def slowly(*arguments: Any) -> Page:
        await asyncio.sleep(0.3)  # in which the reply would be committed, and so be history
        return await resume(*arguments)

    monkeypatch.setattr(site.backend.log, "resume", slowly)
    token, _ = await site.session()
    async with site.plain(token) as socket:
        await socket.send("quick")
        assert await asyncio.wait_for(socket.recv(), SOON) == "quick"
