"""Several bots behind one server: how sessions choose, and what a reply brings beside its text."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.bots import FILE, deployment, support
from tests.integration.server.conftest import Serve
from tests.integration.server.site import Site
from unbroken.backend import Backend
from unbroken.models.wrap import wrap
from unbroken.worker.bots import Bots


@pytest.fixture
async def site(backend: Backend, tmp_path: Path) -> AsyncIterator[Site]:
    async with deployment(backend, tmp_path) as site:
        yield site


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def chosen(site: Site, bot: str) -> tuple[str, str]:
    """Token and id of a session with this bot."""
    chat = (await site.http.post("/token", params={"name": "Ada", "bot": bot})).raise_for_status().json()
    return chat["token"], chat["session_id"]


async def test_the_bots_are_listed_and_may_be_kept_a_while(site: Site) -> None:
    answer = await site.http.get("/bots")
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert answer.json() == {
        "bots": [
            {
                "name": "support",
                "title": "Support",
                "welcome": "How can I help?",
                "prompts": ["Where is my order?"],
            },
            {"name": "agent", "title": "agent", "welcome": "", "prompts": []},
        ]
    }


async def test_a_session_has_the_bot_that_it_chose_or_the_first(site: Site) -> None:
    for bot, said in (("", "support: hi"), ("support", "support: hi"), ("agent", "There are two.\n\nDelete them?")):
        token, session = await chosen(site, bot)
        async with site.native(token) as reader:
            ready = await reader.until("session.ready")
            assert ready["session"].get("bot", "") == bot
            await reader.send("a", "hi")
            assert (await reader.until("reply.completed"))["message"]["msg"] == said
        view = (await site.http.get(f"/sessions/{session}", headers=bearer(token))).json()
        assert view.get("bot", "") == bot
        assert "usage" not in view


async def test_a_bot_that_does_not_exist_is_refused_with_those_that_do(site: Site) -> None:
    answer = await site.http.post("/token", params={"name": "Ada", "bot": "suport"})
    assert answer.status_code == 400
    sentence = "There is no bot 'suport'; there are: support, agent"
    assert answer.json() == {"detail": {"loc": "bot", "msg": sentence}}


async def test_where_there_is_one_bot_it_has_no_name(serve: Serve) -> None:
    site = await serve()
    assert (await site.http.get("/bots")).json() == {"bots": [{"name": "", "title": "", "welcome": "", "prompts": []}]}
    answer = await site.http.post("/token", params={"name": "Ada", "bot": "x" * 100})
    sentence = f"There is no bot '{'x' * 40}'; here is only one bot, which has no name"
    assert (answer.status_code, answer.json()["detail"]["msg"]) == (400, sentence)


async def test_every_dialect_brings_all_that_belongs_to_a_reply(site: Site) -> None:
    token, session = await chosen(site, "agent")
    async with site.plain(token) as plain, site.native(token) as reader:
        await plain.send("clean up")
        assert await plain.recv() == "There are two.\n\nDelete them? [Yes / No]"
        asked = (await reader.until("reply.completed"))["message"]
        assert [part["type"] for part in asked["parts"]] == ["reasoning", "tool_call", "tool_result", "question"]
        assert asked["parts"][3] == {"type": "question", "text": "Delete them?", "options": ["Yes", "No"]}
        await plain.send("yes")
        assert await plain.recv() == "Yes it is."
        accepted = await reader.until("message.accepted")
        assert accepted["message"]["answers"] == asked["id"]
        done = (await reader.until("reply.completed"))["message"]
        assert [part["type"] for part in done["parts"]] == ["source", "file", "data"]
    url, headers = f"/sessions/{session}", bearer(token)
    view = (await site.http.get(url, headers=headers)).json()
    assert view["usage"] == {"input_tokens": 10, "output_tokens": 2, "replies": 1}
    async with site.http.stream("GET", f"{url}/events", headers=headers) as events:
        async for line in events.aiter_lines():
            if '"snapshot"' in line:
                assert json.loads(line.removeprefix("data: "))["messages"] == view["messages"]
                break
    exported = (await site.http.get(f"{url}/export?format=json", headers=headers)).json()
    assert exported["messages"] == view["messages"]
    text = (await site.http.get(f"{url}/export", headers=headers)).text
    for words in ("- Yes\n- No", "<summary>list</summary>", "- [log](https://example.com/log.txt)", "[Manual]"):
        assert words in text


async def test_an_answer_to_a_question_that_is_not_open_is_refused(site: Site) -> None:
    token, session = await chosen(site, "agent")
    url = f"/sessions/{session}/messages"
    answer = await site.http.post(url, json={"text": "yes", "answers": "a.reply"}, headers=bearer(token))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_waiting")


async def test_the_policy_is_the_bots_unless_a_message_brings_its_own(site: Site) -> None:
    token, session = await chosen(site, "agent")
    url, headers = f"/sessions/{session}/messages", bearer(token)
    async with site.native(token) as reader:
        assert (await site.http.post(url, json={"id": "a", "text": "wait"}, headers=headers)).status_code == 202
        await reader.until("reply.started")
        refused = await site.http.post(url, json={"text": "now"}, headers=headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "busy")
        assert refused.headers["retry-after"] == "2"
        await reader.send("b", "now")
        assert (await reader.until("error"))["code"] == "busy"
        wrong = await site.http.post(url, json={"text": "now", "policy": "hurry"}, headers=headers)
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "bad_request")
        await reader.command("message.send", id="c", text="now", policy="interrupt")
        assert (await reader.until("reply.cancelled"))["message"]["reply_to"] == "a"
        assert (await reader.until("reply.completed"))["message"]["reply_to"] == "c"


async def test_the_log_names_the_bots(serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "bots.toml").write_text(FILE)
    with caplog.at_level(logging.INFO, "unbroken.server"):
        await serve(bots=tmp_path / "bots.toml")
    assert "bots: support, agent" in caplog.messages
    assert Bots({"": wrap(support, "test:support", 9)}).names == "test:support"
    assert Bots({"help": wrap(support, "test:support", 9)}).names == "help (test:support)"
