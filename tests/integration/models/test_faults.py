"""What model servers do wrong, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from tests.conftest import make_settings
from tests.integration.models.faulty import DONE, Act, FaultyServer, answer, delta, hang_up, stream
from unbroken.models import limiter
from unbroken.models import server as module
from unbroken.models.base import load_bot
from unbroken.models.openai import OpenAI
from unbroken.models.responses import Responses
from unbroken.models.trouble import ModelError
from unbroken.turn import Turn
from unbroken.types import Data, Message, Piece, Role

KEY = "sk-very-secret"
GOOD = stream(delta("Hel"), delta("lo"), DONE)


@asynccontextmanager
async def asking(*acts: Act, **more: Any) -> AsyncIterator[tuple[OpenAI, FaultyServer]]:
    async with FaultyServer(*acts).running() as server:
        settings: dict[str, Any] = {"key": SecretStr(KEY), "model": "m", "timeout": 5.0, "continues": "no", **more}
        bot = OpenAI(server.url, **settings)
        await bot.start()
        try:
            yield bot, server
        finally:
            await bot.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_pause", lambda tries, asked: asked or 0.01)


def connections(bot: OpenAI) -> int:
    """How many are in use."""
    assert bot._server._http is not None
    assert isinstance(bot._server._http.connector, aiohttp.TCPConnector)
    return len(bot._server._http.connector._acquired)


async def said(bot: OpenAI, found: list[Piece] | None = None, turn: Turn | None = None) -> list[Piece]:
    """All pieces; `found` has those before an error too."""
    pieces = [] if found is None else found
    async for piece in bot.reply(turn or Turn("Hi")):
        pieces.append(piece)
    return pieces


async def test_the_request() -> None:
    async with asking(GOOD, system_prompt="Be kind.") as (bot, server):
        assert await said(bot) == ["Hel", "lo"]
    assert server.requests == [
        {
            "model": "m",
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
        }
    ]
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"


async def test_without_a_key_none_is_sent() -> None:
    async with asking(GOOD, key=None) as (bot, server):
        await said(bot)
    assert "Authorization" not in server.headers[0]


@pytest.mark.parametrize("trouble", [answer(500), answer(503), answer(429), hang_up, stream(cut=True)])
async def test_what_passes_is_tried_again_before_the_first_token(trouble: Act) -> None:
    async with asking(trouble, trouble, GOOD) as (bot, server):
        assert await said(bot) == ["Hel", "lo"]
    assert len(server.requests) == 3


async def test_an_error_in_the_stream_before_the_first_token_is_tried_again() -> None:
    overloaded = stream(b'data: {"error":{"message":"overloaded","code":503}}\n\n')
    async with asking(overloaded, GOOD) as (bot, _):
        assert await said(bot) == ["Hel", "lo"]


@pytest.mark.parametrize("status", [400, 401, 404, 422])
async def test_what_does_not_pass_is_not(status: int) -> None:
    async with asking(answer(status)) as (bot, server):
        with pytest.raises(ModelError):
            await said(bot)
    assert len(server.requests) == 1


async def test_it_gives_up_after_its_retries() -> None:
    async with asking(answer(500), retries=2) as (bot, server):
        with pytest.raises(ModelError) as caught:
            await said(bot)
    assert caught.value.code == "model_unavailable"
    assert len(server.requests) == 3


async def test_it_waits_as_long_as_the_server_asks() -> None:
    async with asking(answer(429, Retry_After="1"), GOOD) as (bot, server):
        await said(bot)
    assert 0.95 < server.times[1] - server.times[0] < 3


async def test_it_does_not_wait_for_ever() -> None:
    async with asking(answer(429, Retry_After="3600"), GOOD) as (bot, server):
        with pytest.raises(ModelError) as caught:
            await said(bot)
    assert caught.value.code == "model_busy"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (stream(delta("a"), cut=True), "model_cut"),
        (stream(delta("a")), "model_cut"),
        (stream(delta("a"), b'data: {"error":{"message":"overloaded","code":503}}\n\n'), "model_unavailable"),
        (stream(delta("a"), b"data: <html>\n\n"), "model_garbled"),
        (stream(delta("a"), 5.0), "model_silent"),
    ],
)
async def test_after_the_first_token_nothing_is_tried_again(act: Act, code: str) -> None:
    found: list[Piece] = []
    async with asking(act, timeout=0.2) as (bot, server):
        with pytest.raises(ModelError) as caught:
            await said(bot, found)
    assert (caught.value.code, found) == (code, ["a"])
    assert len(server.requests) == 1


async def test_a_silent_server_is_left() -> None:
    async with asking(stream(5.0), timeout=0.2) as (bot, server):
        with pytest.raises(ModelError) as caught:
            await said(bot)
    assert caught.value.code == "model_silent"
    assert len(server.requests) == 1


async def test_a_slow_server_is_not() -> None:
    slow = stream(delta("a"), 0.15, delta("b"), 0.15, delta("c"), 0.15, DONE)
    async with asking(slow, timeout=0.4) as (bot, _):
        assert await said(bot) == ["a", "b", "c"]


async def test_a_server_that_becomes_silent_later_is_left_too() -> None:
    found: list[Piece] = []
    async with asking(stream(delta("a"), 0.05, delta("b"), 0.05, delta("c"), 5.0), timeout=0.3) as (bot, _):
        with pytest.raises(ModelError) as caught:
            await said(bot, found)
    assert (caught.value.code, found) == ("model_silent", ["a", "b", "c"])


@pytest.mark.parametrize("act", [GOOD, stream(delta("Hel"), 0.02, delta("lo"), 1.1, DONE)], ids=["ended", "goes on"])
async def test_a_slow_reader_is_no_silence(act: Act) -> None:
    found = []
    async with asking(act, timeout=0.5) as (bot, _):
        async for piece in bot.reply(Turn("hello")):
            found.append(piece)
            if piece == "Hel" or act is GOOD:
                await asyncio.sleep(1.0)
    assert found == ["Hel", "lo"]


async def test_nobody_is_there() -> None:
    bot = OpenAI("http://127.0.0.1:1/v1", "m", retries=1)
    await bot.start()
    with pytest.raises(ModelError) as caught:
        await said(bot)
    assert caught.value.code == "model_unavailable"
    await bot.close()


@pytest.mark.parametrize("size", [1, 2, 5, 50])
async def test_frames_and_characters_may_be_cut_anywhere(size: int) -> None:
    raw = delta("größe 🌊") + b": comment\r\n\r\n" + delta("日本") + DONE
    chunks = [raw[start : start + size] for start in range(0, len(raw), size)]
    async with asking(stream(*chunks)) as (bot, _):
        assert await said(bot) == ["größe 🌊", "日本"]


async def test_an_answer_in_one_piece_of_json() -> None:
    whole = answer(200, {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]})
    async with asking(whole) as (bot, _):
        assert await said(bot) == ["Hello"]


async def test_a_page_instead_of_an_answer() -> None:
    async with asking(stream(b"<html><body>Sign in</body></html>"), retries=0) as (bot, _):
        with pytest.raises(ModelError):
            await said(bot)


async def test_neither_user_nor_log_reads_the_key() -> None:
    async with asking(answer(401, {"error": {"message": f"Incorrect API key {KEY}"}})) as (bot, _):
        with pytest.raises(ModelError) as caught:
            await said(bot)
    assert KEY not in str(caught.value) + caught.value.public
    assert "Incorrect API key" in str(caught.value)


async def test_a_server_without_models() -> None:
    async with asking(answer(200, {"data": []}), model="") as (bot, _):
        with pytest.raises(ModelError) as caught:
            await said(bot)
    assert caught.value.code == "model_unknown"


async def test_text_that_came_together_with_an_error_is_shown() -> None:
    found: list[Piece] = []
    together = stream(delta("a") + delta("b") + b'data: {"error":{"message":"overloaded","code":503}}\n\n')
    async with asking(together) as (bot, server):
        with pytest.raises(ModelError):
            await said(bot, found)
    assert (found, len(server.requests)) == (["a", "b"], 1)


async def test_what_the_answer_took_is_its_last_part() -> None:
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}\n\n'
    async with asking(stream(delta("a"), usage, DONE)) as (bot, _):
        assert await said(bot) == ["a", Data("usage", {"input_tokens": 9, "output_tokens": 2})]


@pytest.mark.parametrize("usage", [b'"much"', b'{"prompt_tokens":"many"}', b"{}"])
async def test_what_no_number_is_told_of_is_not_shown(usage: bytes) -> None:
    async with asking(stream(delta("a"), b'data: {"usage":' + usage + b"}\n\n", DONE)) as (bot, _):
        assert await said(bot) == ["a"]


async def test_what_the_server_refuses_by_name_is_left_out_for_good() -> None:
    detail = {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options", "include_usage"]}]}
    refused = answer(422, {"object": "error", "message": detail})
    async with asking(refused, GOOD, retries=0) as (bot, server):
        assert await said(bot) == ["Hel", "lo"]
        assert await said(bot) == ["Hel", "lo"]
    assert ["stream_options" in one for one in server.requests] == [True, False, False]


async def test_a_bots_own_settings_reach_the_model() -> None:
    async with FaultyServer(GOOD).running() as server:
        settings = make_settings(
            "",
            model="m",
            model_url=server.url,
            model_continues="no",
            temperature=0.5,
            max_tokens=7,
            context_tokens=30,
            requests_per_minute=60_000,
        )
        bot: Any = load_bot(settings)
        await bot.start()
        await said(bot)
        with pytest.raises(ModelError) as caught:
            await said(bot, turn=Turn("Hi " * 100))
        await bot.close()
    assert caught.value.code == "message_too_long"
    assert [(one["temperature"], one["max_tokens"]) for one in server.requests] == [(0.5, 7)]
    assert isinstance(load_bot(settings.model_copy(update={"model_api": "responses"})), Responses)


async def test_it_names_a_conversation() -> None:
    named = answer(200, {"choices": [{"message": {"content": '"The sea."'}, "finish_reason": "stop"}]})
    async with asking(named) as (bot, server):
        assert await bot.title([Message("m", "Is it wide?", Role.USER, "", 1)]) == "The sea"
    assert server.requests[0]["stream"] is False


async def test_requests_wait_for_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "MINUTE", 0.5)
    async with asking(GOOD, requests_per_minute=2) as (bot, server):
        await asyncio.gather(*(said(bot) for _ in range(3)))
    assert server.times[2] - server.times[0] > 0.45
    assert server.times[1] - server.times[0] < 0.4


async def test_stopping_while_it_waits_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_pause", lambda tries, asked: 60.0)
    async with asking(answer(500)) as (bot, server):
        reply = asyncio.create_task(said(bot))
        while not server.requests:
            await asyncio.sleep(0.005)
        reply.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reply
        assert connections(bot) == 0
