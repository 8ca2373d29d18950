"""What becomes of a running reply when another message arrives."""

from __future__ import annotations

import pytest

from tests.integration.worker.harness import Talk, until, working
from unbroken.backend import Backend
from unbroken.errors import InboxFull
from unbroken.models.scripted import Scripted
from unbroken.types import Policy, Status, in_view

pytestmark = pytest.mark.settings(partitions=2)


async def send(talk: Talk, message_id: str, text: str, policy: Policy) -> None:
    await talk.backend.queue.accept(talk.session, message_id, text, policy=policy)


async def test_interrupt_stops_everything_before(backend: Backend) -> None:
    talk = await Talk.begin(backend)
    bot = Scripted()
    async with working(backend, bot):
        await send(talk, "a", "say half; hang", "queue")
        await talk.shows("half")
        await send(talk, "b", "say waits", "queue")
        await send(talk, "c", "say now", "interrupt")
        assert (await talk.outcome("c")).msg == "now"
    first, second = await talk.outcome("a"), await talk.outcome("b")
    assert (first.status, first.msg, first.merged_into) == (Status.CANCELLED, "half", None)
    assert (second.status, second.msg) == (Status.CANCELLED, "")
    assert [turn.text for turn in bot.turns] == ["say half; hang", "say now"]


async def test_merge_answers_all_with_one_reply(backend: Backend) -> None:
    talk = await Talk.begin(backend)
    bot = Scripted()
    async with working(backend, bot):
        await send(talk, "a", "say half; hang", "queue")
        await talk.shows("half")
        await send(talk, "b", "hang", "merge")
        await send(talk, "c", "and this?", "merge")
        reply = await talk.outcome("c")
    assert reply.msg == bot.turns[-1].text == "say half; hang\n\nhang\n\nand this?"
    assert [message.msg for message in bot.turns[-1].messages] == ["say half; hang", "hang", "and this?"]
    assert [message.id for message in in_view(await talk.history())] == ["a", "b", "c", "c.reply"]
    assert (await talk.outcome("a")).merged_into == "b" or (await talk.outcome("a")).merged_into == "c"


async def test_reject_refuses_only_while_something_runs(backend: Backend) -> None:
    talk = await Talk.begin(backend)
    bot = Scripted()
    async with working(backend, bot):
        await send(talk, "a", "wait door", "reject")
        await until(lambda: bot.waiting["door"])
        with pytest.raises(InboxFull) as refused:
            await send(talk, "b", "say late", "reject")
        assert refused.value.retry_after
        assert (await backend.queue.accept(talk.session, "a", "wait door", policy="reject")).duplicate
        bot.open("door")
        await talk.outcome("a")
        await send(talk, "b", "say late", "reject")
        assert (await talk.outcome("b")).msg == "late"


async def test_the_same_message_again_interrupts_nothing(backend: Backend) -> None:
    talk = await Talk.begin(backend)
    bot = Scripted()
    async with working(backend, bot):
        await send(talk, "a", "say one; wait door", "interrupt")
        await until(lambda: bot.waiting["door"])
        await send(talk, "a", "say one; wait door", "interrupt")
        bot.open("door")
        assert (await talk.outcome("a")).status is Status.COMPLETED
