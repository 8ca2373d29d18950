"""Cancelling: of running replies, of waiting ones, and where the message about it was missed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest

from tests.integration.worker.harness import Talk, until, working
from unbroken.backend import Backend
from unbroken.models.scripted import Scripted
from unbroken.models.wrap import wrap
from unbroken.scripts import Code
from unbroken.turn import Turn
from unbroken.types import Piece, Reasoning, Status
from unbroken.worker.bots import Bots
from unbroken.worker.control import Control
from unbroken.worker.worker import Worker

# Nobody is told anything by the renewal of a lease, unless a test says so.
pytestmark = pytest.mark.settings(partitions=2, lease=3600)


async def test_a_running_reply_is_cancelled_at_once_with_what_it_said(backend: Backend) -> None:
    bot = Scripted()
    talk = await Talk.begin(backend)
    async with working(backend, bot):
        message_id = await talk.send("think Hm; say Well; hang")
        await talk.shows("Well")
        assert await backend.queue.cancel(talk.session, message_id) is Code.RUNNING
        reply = await talk.outcome(message_id)
        assert (await talk.ask("say next")).msg == "next"
    assert (reply.status, reply.msg, reply.parts) == (Status.CANCELLED, "Well", [Reasoning("Hm")])
    assert bot.turns[0].cancelled


async def test_a_waiting_reply_is_cancelled_in_its_place(backend: Backend) -> None:
    bot = Scripted()
    talk = await Talk.begin(backend)
    async with working(backend, bot):
        await talk.send("wait door; say first")
        second = await talk.send("say second")
        third = await talk.send("say third")
        assert await backend.queue.cancel(talk.session, second) is Code.QUEUED
        bot.open("door")
        await talk.outcome(third)
    replies = [message for message in await talk.history() if message.reply_to]
    assert [(reply.turn, reply.status, reply.msg) for reply in replies] == [
        (1, Status.COMPLETED, "first"),
        (2, Status.CANCELLED, ""),
        (3, Status.COMPLETED, "third"),
    ]
    assert len(bot.turns) == 2


async def test_cancelling_does_not_wait_for_a_bot_that_cleans_up_slowly(backend: Backend) -> None:
    cleaning, release = asyncio.Event(), asyncio.Event()

    async def bot(turn: Turn) -> AsyncIterator[Piece]:
        try:
            yield "a"
            await asyncio.Event().wait()
        finally:
            cleaning.set()
            await release.wait()

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "bot", 1)):
        message_id = await talk.send("go")
        await talk.shows("a")
        await backend.queue.cancel(talk.session, message_id)
        assert (await talk.outcome(message_id)).status is Status.CANCELLED
        assert cleaning.is_set()
        release.set()


async def test_a_bot_that_ignores_its_cancellation_is_not_listened_to(backend: Backend) -> None:
    async def bot(turn: Turn) -> AsyncIterator[Piece]:
        yield "a"
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield "b"
            yield "c"

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "bot", 1)):
        message_id = await talk.send("go")
        await talk.shows("a")
        await backend.queue.cancel(talk.session, message_id)
        reply = await talk.outcome(message_id)
    assert reply.status is Status.CANCELLED
    assert "c" not in reply.msg


async def test_a_thread_sees_that_it_is_cancelled(backend: Backend) -> None:
    began, seen = threading.Event(), threading.Event()

    def bot(turn: Turn) -> Piece:
        began.set()
        while not turn.cancelled:
            time.sleep(0.002)
        seen.set()
        return "too late"

    talk = await Talk.begin(backend)
    async with working(backend, wrap(bot, "bot", 1)):
        message_id = await talk.send("go")
        await until(began.is_set)
        await backend.queue.cancel(talk.session, message_id)
        reply = await talk.outcome(message_id)
    assert (reply.status, reply.msg) == (Status.CANCELLED, "")
    assert seen.is_set()


@pytest.mark.settings(lease=1.5)
async def test_a_cancellation_that_nobody_heard_is_found_with_the_lease(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Control, "_heard", lambda *_: None)
    talk = await Talk.begin(backend)
    async with working(backend, Scripted()):
        message_id = await talk.send("say a; hang")
        await talk.shows("a")
        await backend.queue.cancel(talk.session, message_id)
        assert (await talk.outcome(message_id)).status is Status.CANCELLED


async def test_after_a_lost_subscription_cancellations_are_asked_for(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Control, "_heard", lambda *_: None)
    talk = await Talk.begin(backend)
    async with working(backend, Scripted()):
        message_id = await talk.send("say a; hang")
        await talk.shows("a")
        await backend.queue.cancel(talk.session, message_id)
        clients = (await backend.redis.router.command(talk.keys.tag, "CLIENT", "LIST", "TYPE", "PUBSUB")).decode()
        for line in clients.splitlines():
            await backend.redis.router.command(talk.keys.tag, "CLIENT", "KILL", "ID", line.split()[0][3:])
        assert (await talk.outcome(message_id)).status is Status.CANCELLED


async def test_a_cancellation_that_comes_before_its_reply_is_known(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is published between the take and the worker's hearing of the take's answer."""
    bot = Scripted()
    talk = await Talk.begin(backend)
    take = type(backend.queue).take
    heard: list[bytes] = []
    hear = Control._heard

    def note(control: Control, channel: str, payload: bytes) -> None:
        heard.append(payload)
        hear(control, channel, payload)

    async def slow_take(*args: object, **kwargs: object) -> object:
        claim = await take(*args, **kwargs)  # type: ignore[arg-type]
        while not heard:  # until it has subscribed
            await backend.queue.cancel(talk.session, "m1")
            await asyncio.sleep(0.01)
        return claim

    monkeypatch.setattr(Control, "_heard", note)
    monkeypatch.setattr(type(backend.queue), "take", slow_take)
    async with working(backend, bot):
        await talk.send("hang")
        assert (await talk.outcome("m1")).status is Status.CANCELLED
    assert not bot.turns


async def test_a_worker_stops_while_its_bot_loads(backend: Backend) -> None:
    """Models take minutes to load; nobody waits for that who wants to stop."""
    loading = asyncio.Event()

    class Slow(Scripted):
        async def start(self) -> None:
            loading.set()
            await asyncio.Event().wait()

    worker = Worker(backend, Bots.of(Slow()))
    running = asyncio.create_task(worker.run())
    await loading.wait()
    worker.stop()
    async with asyncio.timeout(20):
        await running
