from __future__ import annotations

import asyncio
from typing import Any

import hiredis
import pytest

from unbroken.claim import Claim
from unbroken.cursor import StreamId
from unbroken.errors import BotError
from unbroken.keys import Keys
from unbroken.protocol import ReplyDelta, ReplyPart, decode_event
from unbroken.turn import Journal
from unbroken.types import Message, Piece, Reasoning, Role, Source
from unbroken.worker import channel as module
from unbroken.worker.channel import Channel, State

MESSAGE = Message("m", "hi", Role.USER, "", 7)


class Outbox:
    """Takes note of the channels that want to send."""

    def __init__(self) -> None:
        self.asked = 0

    def enqueue(self, channel: Channel) -> None:
        channel.queued = True
        self.asked += 1

    def recover(self, channel: Channel, error: BaseException) -> None:
        channel.state = State.RECOVERING


def make(limit: int = 1000, partial: str = "") -> Channel:
    claim = Claim(
        "s", "Ann", "", "1-0", StreamId(7, 1), 99, 1, MESSAGE, partial, [], MESSAGE, MESSAGE.msg, [MESSAGE], Journal()
    )
    return Channel(Outbox(), claim, Keys().session("s"), limit, on_lost=lambda: None, on_gone=lambda: None)


def sent(channel: Channel, seq: int) -> tuple[Any, ...]:
    """Id and event of a chunk."""
    reader = hiredis.Reader()
    for packed in channel.commands(seq):
        reader.feed(packed)
    xadd, spublish = reader.gets(), reader.gets()
    assert xadd[:3] == [b"XADD", channel.keys.log.encode(), b"NOMKSTREAM"]
    assert spublish[:2] == [b"SPUBLISH", channel.keys.events.encode()]
    assert spublish[2] == b"%b %b\n%b" % (xadd[5], xadd[3], xadd[7])
    return xadd[3].decode(), decode_event(xadd[7])


def test_what_waits_together_goes_together_and_parts_keep_their_place() -> None:
    channel = make()
    said: list[Piece] = ["a", "b", Reasoning("c"), Reasoning("d"), Source("e"), Source("f"), "g"]
    for piece in said:
        channel.put(piece)
    found = []
    while channel.due:
        found.append(sent(channel, channel.cut()))
    assert found == [
        ("99-1", ReplyDelta(7, "ab")),
        ("99-2", ReplyPart(7, Reasoning("cd"))),
        ("99-3", ReplyPart(7, Source("e"))),
        ("99-4", ReplyPart(7, Source("f"))),
        ("99-5", ReplyDelta(7, "g")),
    ]
    assert channel.next_seq == 6
    assert channel.text == "abg"
    assert channel.parts == [Reasoning("cd"), Source("e"), Source("f")]


def test_a_chunk_is_the_same_bytes_every_time() -> None:
    channel = make()
    channel.put("ä")
    first = channel.commands(channel.cut())
    channel.put("b")
    channel.cut()
    assert channel.commands(1) == first


def test_reasoning_that_was_sent_in_chunks_is_one_part_in_the_end() -> None:
    channel = make()
    said: list[Piece] = [Reasoning("a"), Reasoning("b"), "text", Reasoning("c")]
    for piece in said:
        channel.put(piece)
        channel.cut()
    channel.put(Reasoning("d"))
    assert channel.parts == [Reasoning("ab"), Reasoning("cd")]


def test_the_text_begins_with_what_was_shown_before() -> None:
    channel = make(partial="Once ")
    channel.put("upon")
    assert channel.text == "Once upon"


def test_nothing_else_is_taken() -> None:
    with pytest.raises(TypeError, match="not dict"):
        make().put({"a": 1})  # type: ignore[arg-type]


@pytest.mark.parametrize("piece", ["üü", Reasoning("1234"), Source("x")])
def test_a_reply_that_is_too_long_fails_with_what_it_has(piece: Any) -> None:
    channel = make(limit=10, partial="123")
    channel.put("4567")
    with pytest.raises(BotError) as caught:
        channel.put(piece)
    assert caught.value.code == "reply_too_long"
    assert channel.text == "1234567"


def test_it_asks_to_be_sent_but_not_while_something_is_under_way() -> None:
    channel = make()
    outbox = channel._outbox
    assert isinstance(outbox, Outbox)
    channel.put("a")
    assert outbox.asked == 1
    channel.cut()
    channel.in_flight = True
    channel.put("b")
    assert outbox.asked == 1
    channel.answered()
    assert channel.due


@pytest.mark.parametrize("state", [State.RECOVERING, State.CLOSED])
def test_while_it_cannot_be_sent_everything_is_kept(state: State) -> None:
    channel = make()
    channel.state = state
    channel.put("a")
    assert not channel.due
    assert channel.text == "a"


def test_a_very_long_reply_is_gathered_into_larger_chunks() -> None:
    channel = make(limit=10_000_000)
    chunks = 0
    for _ in range(200_000):  # a megabyte, five bytes at a time
        channel.put("1234 ")
        if channel.due:
            channel.cut()
            chunks += 1
    assert module.MANY < chunks < 2.2 * module.MANY
    assert channel.text == "1234 " * 200_000


async def test_flushed_waits_for_everything() -> None:
    channel = make()
    await asyncio.wait_for(channel.flushed(), 1)  # nothing to wait for
    channel.put("a")
    flushed = asyncio.create_task(channel.flushed())
    await asyncio.sleep(0)
    channel.cut()
    channel.in_flight = True
    channel.put("b")
    channel.answered()
    await asyncio.sleep(0)
    assert not flushed.done()
    channel.cut()
    channel.answered()
    await asyncio.wait_for(flushed, 1)


async def test_flushed_ends_when_the_channel_is_closed() -> None:
    channel = make()
    channel.put("a")
    flushed = asyncio.create_task(channel.flushed())
    await asyncio.sleep(0)
    channel.close()
    await asyncio.wait_for(flushed, 1)


async def test_after_a_flush_many_pieces_are_gathered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MANY", 1)
    channel = make(1_000_000)
    channel.put("x" * 100_000)
    waiting = asyncio.create_task(channel.flushed())
    await asyncio.sleep(0)
    channel.cut()
    channel.answered()
    await waiting
    channel.put("y")
    assert not channel.due


def test_a_log_that_lacks_something_is_written_again_while_the_reply_lives() -> None:
    channel = make()
    channel.behind()
    assert channel.state is State.RECOVERING
    channel.close()
    with pytest.raises(BotError):
        channel.behind()
