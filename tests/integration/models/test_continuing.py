"""Answers that another worker had begun, over real HTTP."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from tests.integration.models.conftest import KEY
from tests.integration.models.faulty import DONE, Act, FaultyServer, answer, delta, stream
from tests.integration.models.test_llama import model
from unbroken.models import model as module
from unbroken.models.openai import OpenAI
from unbroken.models.responses import Responses
from unbroken.models.trouble import ModelError
from unbroken.turn import Turn
from unbroken.types import Data, Piece, Reasoning

REST = stream(delta("three, "), delta("four"), DONE)
REFUSES = answer(400, {"error": {"message": "Assistant response prefill is incompatible with enable_thinking."}})
BEGINNING = {"role": "assistant", "content": "One, two, "}


def thinks(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": {"reasoning_content": text}}]}).encode() + b"\n\n"


@asynccontextmanager
async def asking(*acts: Act, **more: Any) -> AsyncIterator[tuple[OpenAI, FaultyServer]]:
    async with FaultyServer(*acts).running() as server:
        bot = OpenAI(server.url, **{"model": "m", "timeout": 5.0, **more})
        await bot.start()
        try:
            yield bot, server
        finally:
            await bot.close()


async def said(bot: OpenAI, turn: Turn | None = None) -> list[Piece]:
    return [piece async for piece in bot.reply(turn or Turn("count", partial="One, two, "))]


async def test_vllm_continues_the_last_message() -> None:
    async with asking(REST, continues="vllm") as (bot, server):
        assert bot.continues
        assert await said(bot) == ["three, ", "four"]
    [asked] = server.requests
    assert asked["messages"] == [{"role": "user", "content": "count"}, BEGINNING]
    assert (asked["continue_final_message"], asked["add_generation_prompt"]) == (True, False)


async def test_a_prefill_is_the_last_message() -> None:
    async with asking(REST, continues="prefill") as (bot, server):
        assert await said(bot) == ["three, ", "four"]
    assert server.requests[0]["messages"][-1] == BEGINNING
    assert "continue_final_message" not in server.requests[0]


async def test_a_whole_answer_is_asked_for_as_ever() -> None:
    async with asking(REST, continues="vllm") as (bot, server):
        await said(bot, Turn("count"))
    assert server.requests[0]["messages"] == [{"role": "user", "content": "count"}]
    assert "continue_final_message" not in server.requests[0]


async def test_a_server_that_refuses_is_asked_in_words(caplog: pytest.LogCaptureFixture) -> None:
    """The reader keeps what it has, and the bot learns not to promise that any more."""
    async with asking(REFUSES, REST, continues="prefill") as (bot, server):
        with caplog.at_level(logging.WARNING, "unbroken.models"):
            assert await said(bot) == ["three, ", "four"]
        assert not bot.continues
    refused, asked = server.requests
    assert refused["messages"][-1] == asked["messages"][-2] == BEGINNING
    assert asked["messages"][-1]["role"] == "user"
    assert "refuses to continue" in caplog.text


async def test_a_refusal_of_something_else_teaches_nothing() -> None:
    async with asking(REFUSES, answer(400), continues="prefill") as (bot, server):
        with pytest.raises(ModelError):
            await said(bot)
        assert bot.continues
    assert len(server.requests) == 2


@pytest.mark.parametrize("continues", ["vllm", "prefill", "no"])
async def test_reasoning_is_shown_once(continues: str) -> None:
    again = stream(thinks("Hm, hm."), delta("four"), DONE)
    async with asking(again, continues=continues) as (bot, server):
        parts = [Reasoning("Hm, "), Reasoning("hm.")]
        assert await said(bot, Turn("count", partial="One, two, ", parts=parts)) == ["four"]
        assert await said(bot, Turn("count", parts=parts)) == ["four"]
        assert await said(bot, Turn("count")) == [Reasoning("Hm, hm."), "four"]
    assert len(server.requests[1]["messages"]) == 1


async def test_a_rest_that_the_server_takes_for_reasoning() -> None:
    async with asking(stream(thinks("three, "), thinks("four"), DONE), continues="vllm") as (bot, _):
        assert await said(bot) == ["three, four"]


async def test_an_attempt_that_had_come_to_the_end_is_only_committed() -> None:
    async with asking(REST, continues="vllm") as (bot, server):
        assert await said(bot, Turn("count", partial="One.", parts=[Data("usage", {})])) == []
    assert server.requests == []


def listing(owner: str) -> Act:
    return answer(200, {"object": "list", "data": [{"id": "m", "owned_by": owner}]})


@pytest.mark.parametrize(("owner", "continues"), [("vllm", True), ("llamacpp", True), ("library", False)])
async def test_the_server_says_what_it_is(owner: str, continues: bool) -> None:
    async with asking(listing(owner), REST) as (bot, server):
        assert bot.continues is continues
        await said(bot)
    assert ("continue_final_message" in server.requests[1]) is (owner == "vllm")


@pytest.mark.parametrize(
    "listed", [answer(404), answer(200, "?"), answer(200, {"data": ["?"]}), answer(200, {"data": []})]
)
async def test_a_server_that_does_not_say(listed: Act) -> None:
    async with asking(listed, REST) as (bot, _):
        assert not bot.continues
        assert await said(bot, Turn("count")) == ["three, ", "four"]


async def test_a_server_that_is_not_there_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model may take minutes to load; the worker starts meanwhile."""
    monkeypatch.setattr(module, "_NEXT_LOOK", 0.02)
    monkeypatch.setattr(module, "_FIRST_LOOK", 0.1)

    async with asking(stream(1.0, cut=True), stream(cut=True), listing("vllm")) as (bot, server):
        known = bot.continues
        assert bot._looking is not None
        await bot._looking
        assert (known, bot.continues) == (False, True)
        assert len(server.requests) == 3


async def test_llama_continues_a_text(llama: str) -> None:
    """The real server: what it reads ends with the beginning of the answer, so it says only the rest."""
    beginning = "As-wide-as-it-can-be"
    async with model(llama) as bot:
        assert bot.continues
        *_, anew = await said(bot, Turn("Is the sea wide?"))
        *rest, onwards = await said(bot, Turn("Is the sea wide?", partial=beginning))
    assert isinstance(anew, Data)
    assert isinstance(onwards, Data)
    assert onwards.value["input_tokens"] == anew.value["input_tokens"] + len(beginning)  # a letter is a token
    assert len(rest) > 10
    assert beginning not in "".join(map(str, rest))


async def test_llama_answers_with_responses(llama: str) -> None:
    bot = Responses(llama, key=SecretStr(KEY))
    await bot.start()
    *found, usage = [piece async for piece in bot.reply(Turn("Is the sea wide?"))]
    assert "".join(map(str, found))
    assert isinstance(usage, Data)
    assert not bot.continues  # it keeps no responses
    await bot.close()
