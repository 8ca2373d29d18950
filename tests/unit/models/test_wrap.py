from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from unbroken.errors import ConfigurationError
from unbroken.models.wrap import wrap
from unbroken.turn import Turn
from unbroken.types import Piece, Source


async def asynchronous(turn: Turn) -> AsyncIterator[Piece]:
    yield turn.text
    yield "!"


async def coroutine(turn: Turn) -> str:
    return f"{turn.text}!"


async def coroutine_of_stream(turn: Turn) -> AsyncIterator[Piece]:
    return asynchronous(turn)


async def coroutine_of_list(turn: Turn) -> list[Piece]:
    return [turn.text, "!"]


def generator(turn: Turn) -> Iterator[Piece]:
    yield turn.text
    yield "!"


def function(turn: Turn) -> str:
    return f"{turn.text}!"


class Callable:
    async def __call__(self, turn: Turn) -> str:
        return f"{turn.text}!"


class Replies:
    continues = True

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def start(self) -> None:
        self.calls.append("start")

    def close(self) -> None:
        self.calls.append("close")

    async def reply(self, turn: Turn) -> AsyncIterator[Piece]:
        yield f"{turn.text}!"


async def said(target: object, text: str = "hey") -> list[Piece]:
    return [piece async for piece in wrap(target, "test", 2).reply(Turn(text))]


@pytest.mark.parametrize(
    "target",
    [
        asynchronous,
        coroutine,
        coroutine_of_stream,
        coroutine_of_list,
        generator,
        function,
        Callable(),
        Callable,
        Replies(),
        Replies,
        functools.partial(coroutine),
        lambda turn: [turn.text, "!"],
    ],
)
async def test_every_kind_of_bot_answers(target: object) -> None:
    assert "".join(map(str, await said(target))) == "hey!"


async def test_a_single_part_is_an_answer_and_so_is_nothing() -> None:
    assert await said(lambda turn: Source("https://x")) == [Source("https://x")]
    assert await said(lambda turn: None) == []


@pytest.mark.parametrize("answer", [3, b"bytes", {"a": 1}])
async def test_anything_else_is_named(answer: object) -> None:
    with pytest.raises(TypeError, match=f"not with {type(answer).__name__}"):
        await said(lambda turn: answer)


async def test_a_plain_function_that_returns_something_to_await_is_told() -> None:
    with pytest.raises(TypeError, match="async def"):
        await said(lambda turn: asynchronous(turn))


async def test_an_object_is_started_closed_and_asked_whether_it_continues() -> None:
    target = Replies()
    bot = wrap(target, "test", 1)
    assert bot.continues
    await bot.start()
    await bot.close()
    assert target.calls == ["start", "close"]
    plain = wrap(function, "test", 1)
    assert not plain.continues
    await plain.start()
    await plain.close()


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (3, "is a int"),
        (lambda: "hi", "one argument"),
        (lambda turn, other: "hi", "one argument"),
        (threading.Timer, "without arguments"),
    ],
)
def test_what_is_no_bot(target: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        wrap(target, "test", 1)


async def test_plain_functions_do_not_block_the_loop() -> None:
    gate = threading.Event()

    def bot(turn: Turn) -> str:
        assert gate.wait(10)
        return "free"

    reply = asyncio.create_task(said(bot))
    for _ in range(3):
        await asyncio.sleep(0)
    gate.set()
    assert await reply == ["free"]
