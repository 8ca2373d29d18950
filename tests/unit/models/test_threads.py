from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from itertools import count
from typing import cast

import pytest

from unbroken.models.threads import AHEAD, Stopped, Threads, wait
from unbroken.turn import Turn
from unbroken.types import Piece


def run(threads: Threads, produce: Callable[[], Iterable[Piece]]) -> AsyncGenerator[Piece, None]:
    return cast("AsyncGenerator[Piece, None]", threads.run(produce, Turn("hi", session="s")))


async def test_pieces_come_in_order_from_one_thread() -> None:
    seen: set[int] = set()

    def produce() -> Iterator[str]:
        for number in range(2000):
            seen.add(threading.get_ident())
            yield str(number)

    assert [piece async for piece in run(Threads(1), produce)] == [str(number) for number in range(2000)]
    assert len(seen) == 1
    assert threading.get_ident() not in seen


async def test_an_error_comes_after_the_pieces_before_it() -> None:
    def produce() -> Iterator[str]:
        yield "a"
        raise LookupError("gone")

    pieces = run(Threads(1), produce)
    assert await anext(pieces) == "a"
    with pytest.raises(LookupError, match="gone"):
        await anext(pieces)


async def test_closing_stops_an_endless_generator_and_closes_it_in_its_thread() -> None:
    closed_in: list[int] = []
    made = count()

    def produce() -> Iterator[str]:
        try:
            while True:
                yield str(next(made))
        finally:
            closed_in.append(threading.get_ident())

    pieces = run(Threads(1), produce)
    assert await anext(pieces) == "0"
    await pieces.aclose()
    assert closed_in
    assert closed_in != [threading.get_ident()]
    assert next(made) <= AHEAD + 2


async def test_a_thread_is_never_far_ahead() -> None:
    made = count()
    pieces = run(Threads(1), lambda: (str(next(made)) for _ in range(10 * AHEAD)))
    await anext(pieces)
    async with asyncio.timeout(5):
        while next(made) < 10 and threading.active_count() > 1:
            await asyncio.sleep(0.001)
    assert next(made) <= 2 * AHEAD
    await pieces.aclose()


async def test_no_more_threads_than_allowed_until_one_has_really_ended() -> None:
    threads = Threads(1)
    gate, entered = threading.Event(), threading.Event()

    def hang() -> Iterator[str]:
        entered.set()
        assert gate.wait(10)
        yield "late"

    first = asyncio.create_task(anext(run(threads, hang)))
    async with asyncio.timeout(5):
        while not entered.is_set():
            await asyncio.sleep(0.001)
    first.cancel()
    second = asyncio.create_task(anext(run(threads, lambda: ["second"])))
    done, _ = await asyncio.wait([second], timeout=0.05)
    assert not done  # the first thread was stopped, but still hangs
    gate.set()
    assert await second == "second"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_the_thread_sees_the_context_of_its_reply() -> None:
    variable = contextvars.ContextVar[str]("variable")
    variable.set("here")
    assert [piece async for piece in run(Threads(1), lambda: [variable.get()])] == ["here"]


async def test_a_thread_may_wait_for_what_others_await() -> None:
    said: list[Piece] = []

    async def heard() -> list[Piece]:
        return list(said)

    async def fail() -> None:
        raise LookupError("gone")

    def produce() -> Iterator[str]:
        yield "a"
        yield "b"
        yield f"so far {wait(heard())}"
        try:
            wait(fail())
        except LookupError as error:
            yield str(error)

    async for piece in run(Threads(1), produce):
        said.append(piece)  # noqa: PERF401 - it is read on the way
    assert said == ["a", "b", "so far ['a', 'b']", "gone"]


@pytest.mark.parametrize("begun", [True, False])
async def test_who_waits_is_stopped_with_the_reply(begun: bool) -> None:
    entered, waits = asyncio.Event(), threading.Event()
    ended: list[BaseException] = []

    async def forever() -> None:
        entered.set()
        await asyncio.Event().wait()

    def produce() -> Iterator[str]:
        yield "a"
        waits.set()
        try:
            wait(forever())
        except BaseException as error:
            ended.append(error)
            raise

    pieces = run(Threads(1), produce)
    assert await anext(pieces) == "a"
    if begun:
        rest = asyncio.create_task(anext(pieces))
        async with asyncio.timeout(5):
            await entered.wait()
        rest.cancel()
        with pytest.raises(asyncio.CancelledError):
            await rest
    assert await asyncio.to_thread(waits.wait, 5)
    await pieces.aclose()
    assert [type(error) for error in ended] == [Stopped]


async def test_only_a_plain_bot_waits() -> None:
    coroutine = asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="anything else uses await"):
        wait(coroutine)
    await coroutine
