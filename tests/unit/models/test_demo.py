from __future__ import annotations

import pytest

from unbroken.errors import BotError
from unbroken.models.demo import Demo, answer, tokens
from unbroken.turn import Turn
from unbroken.types import Piece, Reasoning

WORDS = ["help", "long 2", "count 30", "slow", "think", "code", "table", "hello there, how are you?", "日本語"]


async def said(turn: Turn) -> list[Piece]:
    return [piece async for piece in Demo(pace=0).reply(turn)]


@pytest.mark.parametrize("text", WORDS)
async def test_it_says_all_of_its_answer_in_small_pieces(text: str) -> None:
    pieces = [piece for piece in await said(Turn(text)) if isinstance(piece, str)]
    assert "".join(pieces) == answer(text).text
    assert len(pieces) > 5
    assert max(map(len, pieces)) < 30


@pytest.mark.parametrize("text", WORDS)
async def test_it_continues_at_every_character(text: str) -> None:
    whole = answer(text).text
    for at in range(1, len(whole), 7):
        rest = await said(Turn(text, partial=whole[:at], attempt=2))
        assert whole[:at] + "".join(map(str, rest)) == whole


async def test_it_says_that_it_is_no_ai() -> None:
    for text in ["help", "hello", "long"]:
        assert "not an AI" in answer(text).text


async def test_count_counts() -> None:
    assert answer("count 5").text == "1 2 3 4 5"
    assert answer("Count 3!").text == "1 2 3"


async def test_long_takes_as_long_as_asked() -> None:
    assert 0.9 < len(tokens(answer("long 10").text)) * 0.025 / 10 < 1.3


async def test_think_shows_reasoning_once() -> None:
    assert isinstance((await said(Turn("think")))[0], Reasoning)
    assert not any(isinstance(piece, Reasoning) for piece in await said(Turn("think", partial="So ")))


async def test_fail_fails_after_some_words() -> None:
    pieces = Demo(pace=0).reply(Turn("fail"))
    assert await anext(pieces)
    with pytest.raises(BotError):
        async for _ in pieces:
            pass


async def test_a_sentence_that_begins_like_a_command_is_none() -> None:
    assert answer("long time no see, my friend") == answer("hello")
