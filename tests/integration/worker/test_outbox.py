"""The way of the words into the log, where it is narrow: slow answers, stalls, fences."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.integration.worker.harness import Talk, until, working
from unbroken.backend import Backend
from unbroken.models.scripted import Scripted
from unbroken.models.wrap import wrap
from unbroken.turn import Turn

# Nobody is told anything by the renewal of a lease.
pytestmark = pytest.mark.settings(partitions=2, lease=3600)

Replies = asyncio.Future[list[Any]]


async def test_what_is_said_during_a_flush_goes_with_the_next_one(backend: Backend) -> None:
    async def bot(turn: Turn) -> AsyncIterator[str]:
        yield "a"
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # "a" is under way now
        for piece in ("b", "c", "d"):
            yield piece
        await asyncio.Event().wait()

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "bot", 1)):
        await talk.send("go")
        await talk.shows("abcd")
        assert len(await talk.log()) == 3  # started, "a", "bcd"


async def test_a_worker_that_was_replaced_is_stopped_by_its_next_word(backend: Backend) -> None:
    bot = Scripted()
    talk = await Talk.begin(backend)
    async with working(backend, bot):
        await talk.send("say a; wait door; say b; hang")
        await talk.shows("a")
        entry = (await backend.store.state(talk.session))["rid"]
        thief = await backend.queue.take(talk.session, entry, "thief", attempts=3, continuing="", context=0)
        assert thief is not None
        bot.open("door")
        await until(lambda: bot.turns[0].cancelled)
        assert (await talk.shown())[0] == ""


async def test_a_session_that_ended_is_left_and_its_entry_dropped(backend: Backend) -> None:
    bot = Scripted()
    talk = await Talk.begin(backend)
    async with working(backend, bot):
        await talk.send("say a; wait door; say b; hang")
        await talk.shows("a")
        await backend.redis.router.command(talk.keys.tag, "DEL", *talk.keys.owned)
        bot.open("door")
        await until(lambda: bot.turns[0].cancelled)
        async with asyncio.timeout(20):
            while not await talk.idle():
                await asyncio.sleep(0.01)


async def test_handing_back_takes_along_what_was_not_written_yet(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With slow answers there is always something that waits; the next worker must get that too."""
    router = backend.redis.router
    send = router.send

    def slowly(tag: str, commands: Any) -> Replies:
        sent = list(commands)
        answer: Replies = asyncio.get_running_loop().create_future()

        async def later() -> None:
            await asyncio.sleep(0.05)
            answer.set_result(await send(tag, sent))

        tasks.append(asyncio.create_task(later()))
        return answer

    tasks: list[asyncio.Task[None]] = []
    said: list[str] = []

    class Counter:
        continues = True

        async def reply(self, turn: Turn) -> AsyncIterator[str]:
            if turn.partial:
                said.append(f"| {turn.partial}")
                return
            for number in range(1000):
                said.append(str(number))
                yield f"{number} "
                await asyncio.sleep(0.002)

    monkeypatch.setattr(router, "send", slowly)
    talk = await Talk.begin(backend)
    async with working(backend, wrap(Counter(), "bot", 1)):
        await talk.send("go")
        await talk.shows("0 1 2 ")
    async with working(backend, wrap(Counter(), "bot", 1)):
        await talk.outcome("m1")
    numbers = " ".join(said[:-1])
    assert said[-1].strip() == f"| {numbers}"


async def test_a_silent_server_holds_up_only_its_own_sessions(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = backend.redis.router
    send: Callable[..., Replies] = router.send
    silent = backend.keys.tags[0]
    unanswered: list[Replies] = []

    def partly(tag: str, commands: Any) -> Replies:
        if tag != silent or unanswered:
            return send(tag, commands)
        unanswered.append(asyncio.get_running_loop().create_future())
        return unanswered[-1]

    talks: dict[str, Talk] = {}
    while len(talks) < 2:
        talk = await Talk.begin(backend)
        talks[talk.keys.tag] = talk
    stalled, other = talks[silent], talks[backend.keys.tags[1]]
    monkeypatch.setattr(router, "send", partly)
    monkeypatch.setattr(router, "connection", lambda tag: tag)
    async with working(backend, Scripted()):
        await stalled.send("say stuck; hang")
        await until(lambda: unanswered)
        await other.send("pace 0.01; count 100; hang")
        await other.shows(" 100 ")
        assert len(unanswered) == 1
        assert (await stalled.shown())[0] == ""
        unanswered[0].set_exception(ConnectionError("at last"))
        await stalled.shows("stuck")
