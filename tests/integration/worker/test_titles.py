"""Sessions are named behind their first reply, which does not wait for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from tests.integration.worker.harness import Talk, until, working
from unbroken.backend import Backend
from unbroken.models.base import Bot
from unbroken.models.scripted import Scripted
from unbroken.models.wrap import wrap
from unbroken.turn import Turn
from unbroken.types import Message, Piece, Status

pytestmark = pytest.mark.settings(partitions=2, titles=True)


class Naming(Scripted):
    """Names a conversation when it is told to; an exception is raised instead."""

    def __init__(self, *names: str | Exception | None) -> None:
        super().__init__()
        self._names = list(names)
        self.asked: list[list[str]] = []
        self.go = asyncio.Event()

    async def title(self, messages: Sequence[Message]) -> str | None:
        self.asked.append([message.msg for message in messages])
        await self.go.wait()
        name = self._names.pop(0)
        if isinstance(name, Exception):
            raise name
        return name


async def named(talk: Talk) -> str:
    return (await talk.backend.store.read(talk.session)).name


async def test_the_first_reply_names_the_session(backend: Backend) -> None:
    talk, bot = await Talk.begin(backend), Naming("About the sea")
    async with working(backend, bot) as worker:
        await talk.ask("say It is wide.")
        await until(lambda: bot.asked)
        assert (await talk.ask("say Very.")).msg == "Very."  # nobody waits for the name
        await until(lambda: not worker._replies)
        assert await named(talk) == "Ann"
        bot.go.set()
        await until(lambda: not worker._titles._tasks)
        assert await named(talk) == "About the sea"
        await talk.ask("say So wide.")
        await until(lambda: not worker._titles._tasks)
    assert bot.asked == [["say It is wide.", "It is wide."]]


async def test_a_reply_that_failed_is_not_the_first(backend: Backend) -> None:
    talk, bot = await Talk.begin(backend), Naming("About the sea")
    bot.go.set()
    async with working(backend, bot) as worker:
        assert (await talk.ask("say no; fail no")).status is Status.FAILED
        await until(lambda: not worker._replies and not worker._titles._tasks)
        assert bot.asked == []
        await talk.ask("say yes")
        await until(lambda: not worker._replies and not worker._titles._tasks)
    assert await named(talk) == "About the sea"


async def test_a_name_that_somebody_gave_meanwhile_stays(backend: Backend) -> None:
    talk, bot = await Talk.begin(backend), Naming("About the sea")
    async with working(backend, bot) as worker:
        await talk.ask("say yes")
        await until(lambda: bot.asked)
        await backend.store.rename(talk.session, "Mine")
        bot.go.set()
        await until(lambda: not worker._titles._tasks)
    assert await named(talk) == "Mine"


async def test_a_session_that_was_renamed_during_the_reply_needs_no_name(backend: Backend) -> None:
    talk, bot = await Talk.begin(backend), Naming()
    async with working(backend, bot) as worker:
        await talk.send("wait door")
        await until(lambda: bot.waiting["door"])
        await backend.store.rename(talk.session, "Mine")
        bot.open("door")
        await talk.outcome("m1")
        await until(lambda: not worker._replies and not worker._titles._tasks)
    assert bot.asked == []


@pytest.mark.parametrize("name", [None, "", "two\nlines", RuntimeError("no"), "x" * 500])
async def test_no_name_is_no_harm(
    backend: Backend, name: str | Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    talk, bot = await Talk.begin(backend), Naming(name)
    bot.go.set()
    with caplog.at_level(logging.WARNING, "unbroken.worker"):
        async with working(backend, bot) as worker:
            assert (await talk.ask("say yes")).msg == "yes"
            await until(lambda: bot.asked and not worker._titles._tasks)
    assert await named(talk) == "Ann"
    assert ("is not named" in caplog.text) is bool(name)


async def test_a_session_that_ends_meanwhile(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    talk, bot = await Talk.begin(backend), Naming("About the sea")
    async with working(backend, bot) as worker:
        await talk.ask("say yes")
        await until(lambda: bot.asked)
        await backend.store.delete(talk.session)
        bot.go.set()
        await until(lambda: not worker._titles._tasks)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_worker_that_stops_does_not_wait_for_names(backend: Backend) -> None:
    talk, bot = await Talk.begin(backend), Naming("About the sea")
    async with working(backend, bot):
        await talk.ask("say yes")
        await until(lambda: bot.asked)
    assert await named(talk) == "Ann"


@pytest.mark.settings(titles=False)
async def test_only_who_wants_it_gets_it(backend: Backend) -> None:
    talk, bot = await Talk.begin(backend), Naming("About the sea")
    async with working(backend, bot) as worker:
        await talk.ask("say yes")
        await until(lambda: not worker._replies)
        assert not worker._titles._tasks
    assert bot.asked == []


async def _plain(messages: Sequence[Message]) -> str:
    return messages[0].msg.upper()


@pytest.mark.parametrize("title", [_plain, lambda messages: messages[0].msg.upper(), None, "a name"])
async def test_a_bot_of_ones_own_names_too(backend: Backend, title: Any) -> None:
    async def reply(turn: Turn) -> AsyncIterator[Piece]:
        yield "wide"

    reply.title = title  # type: ignore[attr-defined]
    talk = await Talk.begin(backend)
    bot: Bot = wrap(reply, "test:bot", 1)
    async with working(backend, bot) as worker:
        await talk.ask("sea")
        await until(lambda: not worker._replies and not worker._titles._tasks)
    assert await named(talk) == ("SEA" if callable(title) else "Ann")
