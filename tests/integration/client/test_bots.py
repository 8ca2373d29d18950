"""The client and `unbroken chat` with several bots, one of which asks."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.bots import deployment
from unbroken.backend import Backend
from unbroken.client import BotInfo, Client, OpenQuestion
from unbroken.errors import ConfigurationError, InboxFull, NotWaiting, Refused
from unbroken.terminal.talk import _talk, talk
from unbroken.types import Question, Status

ASKED = Question("Delete them?", ["Yes", "No"])


@pytest.fixture
async def url(backend: Backend, tmp_path: Path) -> AsyncIterator[str]:
    async with deployment(backend, tmp_path) as site:
        yield f"http://{site.address}"


async def test_a_bot_is_chosen_at_creation(url: str) -> None:
    async with Client(url) as client:
        assert await client.bots() == [
            BotInfo("support", "Support", "How can I help?", ["Where is my order?"]),
            BotInfo("agent", "agent"),
        ]
        chat = await client.create("Ada")
        assert (await (await chat.send("hi")).reply()).msg == "support: hi"
        assert (await client.create("Ada", "agent")).session.bot == "agent"
        with pytest.raises(Refused, match="There is no bot 'other'; there are: support, agent"):
            await client.create("Ada", "other")


async def test_a_question_is_open_until_it_is_answered(url: str) -> None:
    async with Client(url) as client:
        chat = await client.create("Ada", "agent")
        reply = await (await chat.send("clean up")).reply()
        assert chat.transcript.open_question == OpenQuestion(reply.id, ASKED)
        async with await client.attach(chat.token) as other:
            assert other.transcript.open_question == OpenQuestion(reply.id, ASKED)
        sent = await chat.send("no", answers=reply.id)
        assert (await sent.accepted()).answers == reply.id
        answered = chat.transcript
        assert answered.open_question is None
        assert (await sent.reply()).msg == "No it is."
        with pytest.raises(NotWaiting):
            await (await chat.send("yes", answers=reply.id)).reply()


async def test_a_message_says_what_becomes_of_a_running_reply(url: str) -> None:
    async with Client(url) as client:
        chat = await client.create("Ada", "agent")
        first = await chat.send("wait")
        await first.accepted()
        with pytest.raises(InboxFull):
            await (await chat.send("now", policy="reject")).reply()
        second = await chat.send("now too", policy="merge")
        assert (await second.reply()).msg.endswith("Delete them?")
        gave_way = await first.reply()
        assert (gave_way.status, gave_way.merged_into) == (Status.CANCELLED, second.id)
        assert [message.id for message in chat.transcript.shown] == [first.id, second.id, f"{second.id}.reply"]


async def test_a_program_answers_with_a_number(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("clean up\n2\n"))
    assert await _talk([url], None, "Ada", None, "agent") == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "There are two.",
        "",
        "Delete them?",
        "  1 Yes",
        "  2 No",
        "No it is.",
        "  log (text/plain, 12 bytes) https://example.com/log.txt",
        "  Manual https://example.com",
    ]
    assert err.splitlines()[2:] == [
        "  Which files?",
        '  → list {"folder":"."}',
        '  ← list ["a","b"]',
        "  10 tokens in, 2 out",
    ]


async def test_a_bot_that_does_not_exist_is_said_with_those_that_do(url: str) -> None:
    with pytest.raises(Refused, match="There is no bot 'other'; there are: support, agent"):
        await _talk([url], None, "Ada", None, "other")


def test_a_session_that_exists_has_its_bot() -> None:
    with pytest.raises(ConfigurationError, match="--bot is for a new session"):
        talk(["http://localhost:1"], "token", None, None, "agent")
