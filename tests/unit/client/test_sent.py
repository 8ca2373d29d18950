from __future__ import annotations

import asyncio

import pytest

from unbroken.client.bell import Bell
from unbroken.client.conversation import Conversation
from unbroken.client.sent import Delta, Sent
from unbroken.errors import Closed, SessionFull
from unbroken.protocol import (
    Error,
    Event,
    Limits,
    MessageAccepted,
    MessageAcknowledged,
    MessageSend,
    ReplyCompleted,
    ReplyDelta,
    ReplyStarted,
    SessionInfo,
    SessionReady,
    Snapshot,
)
from unbroken.types import Message, Role, Status

QUESTION = Message("m1", "?", Role.USER, "", 1)


def answer(text: str) -> Message:
    return Message("m1.reply", text, Role.ASSISTANT, "", 1, reply_to="m1", status=Status.COMPLETED)


class Talk:
    """A sent message whose events a test makes up."""

    def __init__(self) -> None:
        self.conversation = Conversation()
        self.conversation.receive(Snapshot([], "0"), 0)
        self.conversation.send(MessageSend("m1", "?"))
        self.bell = Bell()
        self.over: Exception | None = None
        self.sent = Sent("m1", "?", self.conversation, self.bell, self._check)
        self._count = 0

    def _check(self) -> None:
        if self.over:
            raise self.over

    def hear(self, *events: Event) -> None:
        for event in events:
            self.conversation.receive(event, 0)
        self.sent.refresh()
        self.bell.ring()


@pytest.fixture
def talk() -> Talk:
    talk = Talk()
    talk.hear(MessageAccepted(QUESTION))
    return talk


async def pieces(talk: Talk, *groups: list[Event]) -> list[tuple[str, bool]]:
    """What an iterator shows that keeps up with every group of events."""
    shown: list[tuple[str, bool]] = []

    async def read() -> None:
        async for piece in talk.sent:
            shown.append((piece, piece.restart))  # noqa: PERF401 - it is looked at meanwhile

    reading = asyncio.create_task(read())
    for group in groups:
        await asyncio.sleep(0)
        talk.hear(*group)
        await asyncio.sleep(0)
    await reading
    return shown


@pytest.mark.parametrize("last", [MessageAcknowledged("m1"), ReplyCompleted(answer("!"))])
async def test_where_messages_are_acknowledged_accepted_waits_for_that(last: Event) -> None:
    talk = Talk()
    talk.hear(SessionReady(SessionInfo("s", "Ada", ""), Limits(100, 1, 1), acknowledges=True))
    waiting = asyncio.create_task(talk.sent.accepted())
    talk.hear(MessageAccepted(QUESTION))
    talk.hear(Error("unacknowledged", "", "m1", 1.0))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    talk.hear(last)
    assert await waiting == QUESTION


async def test_pieces_join_to_the_reply(talk: Talk) -> None:
    shown = await pieces(
        talk,
        [ReplyStarted(1, "m1", 1, "")],
        [ReplyDelta(1, "Hel")],
        [ReplyDelta(1, "l"), ReplyDelta(1, "o")],
        [ReplyCompleted(answer("Hello!"))],
    )
    assert shown == [("Hel", False), ("lo", False), ("!", False)]
    assert (await talk.sent.reply()).msg == "Hello!"
    assert [piece async for piece in talk.sent] == ["Hello!"], "again, from the beginning"


async def test_an_attempt_that_begins_anew_is_marked(talk: Talk) -> None:
    shown = await pieces(
        talk,
        [ReplyStarted(1, "m1", 1, ""), ReplyDelta(1, "Hel")],
        [ReplyStarted(1, "m1", 2, "")],
        [ReplyDelta(1, "Good ")],
        [ReplyCompleted(answer("Good day"))],
    )
    assert shown == [("Hel", False), ("", True), ("Good ", False), ("day", False)]


async def test_an_attempt_that_differs_at_once_is_marked(talk: Talk) -> None:
    shown = await pieces(
        talk,
        [ReplyStarted(1, "m1", 1, ""), ReplyDelta(1, "Hel")],
        [ReplyStarted(1, "m1", 2, ""), ReplyDelta(1, "Good ")],
        [ReplyCompleted(answer("Good day"))],
    )
    assert shown == [("Hel", False), ("Good ", True), ("day", False)]


async def test_an_attempt_that_continues_is_not_noticed(talk: Talk) -> None:
    shown = await pieces(
        talk,
        [ReplyStarted(1, "m1", 1, ""), ReplyDelta(1, "Hel")],
        [ReplyStarted(1, "m1", 2, "Hel")],
        [ReplyDelta(1, "lo")],
        [ReplyCompleted(answer("Hello"))],
    )
    assert shown == [("Hel", False), ("lo", False)]


async def test_what_was_shown_stands_while_nothing_runs(talk: Talk) -> None:
    shown = await pieces(
        talk,
        [ReplyStarted(1, "m1", 1, ""), ReplyDelta(1, "Hel")],
        [Snapshot([QUESTION], "9")],
        [ReplyStarted(1, "m1", 1, ""), ReplyDelta(1, "Hello")],
        [ReplyCompleted(answer("Hello"))],
    )
    assert shown == [("Hel", False), ("lo", False)]


async def test_an_outcome_stays_though_a_later_snapshot_lacks_it(talk: Talk) -> None:
    talk.hear(ReplyCompleted(answer("Hello")))
    talk.hear(Snapshot([], "9"))
    assert (await talk.sent.reply()).msg == "Hello"
    assert await talk.sent.accepted() == QUESTION


async def test_a_refusal_is_raised_by_everything(talk: Talk) -> None:
    talk.hear(Error("session_full", "full", message_id="m1"))
    assert isinstance(talk.sent.refused, SessionFull)
    with pytest.raises(SessionFull):
        await talk.sent.reply()


async def test_the_end_of_the_chat_is_raised_but_keeps_what_is_known(talk: Talk) -> None:
    talk.over = Closed("closed")
    assert await talk.sent.accepted() == QUESTION
    with pytest.raises(Closed):
        await talk.sent.reply()


def test_a_piece_is_a_string() -> None:
    assert Delta("a") == "a"
    assert not Delta("a").restart
    assert Delta("a", restart=True).restart
