"""The OpenAI model against a real server: llama.cpp with a model of noise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from tests.integration.models.conftest import KEY
from unbroken.models.continuing import Way
from unbroken.models.openai import OpenAI
from unbroken.models.trouble import ModelError
from unbroken.turn import Turn
from unbroken.types import Data, Message, Role


@asynccontextmanager
async def model(url: str, key: str = KEY, **more: Any) -> AsyncIterator[OpenAI]:
    bot = OpenAI(url, key=SecretStr(key), retries=0, **more)
    await bot.start()
    yield bot
    await bot.close()


def message(text: str, role: Role = Role.USER) -> Message:
    return Message("m", text, role, "", 1)


async def test_it_streams_an_answer(llama: str) -> None:
    async with model(llama) as bot:
        found = [piece async for piece in bot.reply(Turn("Is the sea wide?"))]
    *said, usage = found
    assert len(said) > 10
    assert all(isinstance(piece, str) and piece for piece in said)
    "".join(map(str, said)).encode()  # text, although the model speaks in bytes
    assert isinstance(usage, Data)
    assert usage.value["input_tokens"] > 10
    assert usage.value["output_tokens"] == 60


async def test_it_asks_the_server_for_its_model(llama: str) -> None:
    async with model(llama) as bot:
        assert await anext(aiter(bot.reply(Turn("Hi"))))
        assert bot._model.endswith("noise")


async def test_a_conversation_is_sent_as_such(llama: str) -> None:
    turn = Turn("So?", messages=[message("Is it?"), message("It is.", Role.ASSISTANT), message(""), message("So?")])
    async with model(llama, system_prompt="Be brief.") as bot:
        assert (await bot._ask(turn, Way.ASK, ""))["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Is it?"},
            {"role": "assistant", "content": "It is."},
            {"role": "user", "content": "So?"},
        ]
        assert await anext(aiter(bot.reply(turn)))


async def test_many_at_once(llama: str) -> None:
    async def first(bot: OpenAI, number: int) -> object:
        pieces = bot.reply(Turn(f"Number {number}?"))
        return await anext(aiter(pieces))

    async with model(llama) as bot:
        assert all(await asyncio.gather(*(first(bot, number) for number in range(8))))


async def test_a_stopped_reply_closes_its_connection(llama: str) -> None:
    async with model(llama) as bot:
        reply: Any = bot.reply(Turn("Hi"))
        await anext(reply)
        await reply.aclose()
        assert bot._server._http is not None
        assert isinstance(bot._server._http.connector, aiohttp.TCPConnector)
        assert not bot._server._http.connector._acquired


@pytest.mark.parametrize(
    ("path", "key", "text", "code"),
    [
        ("", "wrong", "Hi", "model_auth"),
        ("/nowhere", KEY, "Hi", "model_unknown"),
        ("", KEY, "Hi " * 3000, "model_refused"),
    ],
)
async def test_what_the_server_refuses(llama: str, path: str, key: str, text: str, code: str) -> None:
    async with model(llama + path, key) as bot:
        with pytest.raises(ModelError) as caught:
            await anext(aiter(bot.reply(Turn(text))))
    assert caught.value.code == code
    assert key not in str(caught.value)
