"""What people write and models say comes back as it was, byte by byte, from everywhere that it passes through."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import msgspec
import pytest

from tests.integration.scripts.desk import Desk
from tests.integration.scripts.test_taking import delta
from unbroken.backend import Backend
from unbroken.claim import claimed
from unbroken.log import Entry, Kind
from unbroken.protocol import MessageAccepted, ReplyCompleted, ReplyStarted, decode_event
from unbroken.scripts import Code
from unbroken.types import Message

TEXTS = {
    "ascii": "".join(map(chr, range(128))),
    "latin and beyond": "äöüß ÀÈ ñ ij ﬁ Ǆ żółć",
    "right to left": "שלום עולם مرحبا",
    "cjk": "漢字かな交じり文 한국어",
    "emoji": "😀👩‍👩‍👧‍👦🏳️‍🌈🇩🇪❤️",
    "combining": "e\u0301 n\u0303 Z\u0351\u036b\u0343",
    "edges of utf-8": "\u007f\u0080\u07ff\u0800\ud7ff\ue000\ufffd\uffff\U00010000\U0010ffff",
    "separators": "a\u2028b\u2029c\u0085d\u00a0e\u200b\ufeff",
    "nul": "before\x00after\x00",
    "newlines": "\n\r\n\r\t\v\f",
    "quotes": "\"'`\\\\\"\\'\\u0000\\n",
    "html": "<script>alert(1)</script>&amp;</",
    "json": '{"type":"reply.completed","message":{"id":"x"}}',
    "numbers": "1e999 NaN -0 0x10 1.0000000000000001",
    "header of a live message": "e 1-0 0-0 1-1\n{}",
    "64 KiB": "".join(random.Random(1).choices('aé漢😀"\\\n\x00 ', k=65_536))[:26_000],
}
IDS = ["m", "it's", 'a"b', "a\\b", "{x}", "*", "$.messages", "m.reply", "漢字", "😀", "a b", "c:1", "x" * 128]


def _message(raw: bytes) -> Message:
    event = decode_event(raw)
    assert isinstance(event, (MessageAccepted, ReplyCompleted))
    return event.message


@pytest.mark.parametrize("name", TEXTS)
async def test_texts_come_back_exactly(desk: Desk, name: str) -> None:
    text = TEXTS[name]
    await desk.accept("m1", text)
    [waiting] = await desk.redis("XRANGE", desk.keys.inbox, "-", "+")
    assert _message(Entry.from_inbox(waiting).frame).msg == text
    first = await desk.take("n1")
    assert _message(first.message).msg == text
    assert claimed("s", "", first, 9).context[-1].msg == text
    await desk.chunk(delta(first.epoch, 1, text))
    second = await desk.take("n2")
    assert second.partial == text
    started = decode_event((await desk.log())[-1].frame)
    assert isinstance(started, ReplyStarted)
    assert started.text == text
    assert (await desk.finish(second.epoch, text=text)).code is Code.OK
    [end] = await desk.log()
    assert _message(end.frame).msg == text
    assert [message.msg for message in await desk.history()] == [text, text]
    found = await desk.resume(None)
    [messages] = msgspec.json.decode(found.messages, type=list[list[Message]])
    assert [message.msg for message in messages] == [text, text]


async def test_a_partial_text_is_committed_exactly(desk: Desk) -> None:
    text = "".join(TEXTS.values())
    await desk.accept("m1")
    taken = await desk.take("n1")
    for seq, begin in enumerate(range(0, len(text), 1000), start=1):
        await desk.chunk(delta(taken.epoch, seq, text[begin : begin + 1000]))
    await desk.cancel("m1")
    assert (await desk.take("n2")).code is Code.EMPTY
    assert (await desk.history())[-1].msg == text


@pytest.mark.parametrize("message_id", IDS)
async def test_message_ids_come_back_exactly(desk: Desk, message_id: str) -> None:
    await desk.accept(message_id)
    assert (await desk.accept(message_id)).code is Code.DUP
    taken = await desk.take("n1")
    started = decode_event((await desk.log())[0].frame)
    assert isinstance(started, ReplyStarted)
    assert started.message_id == message_id
    assert await desk.cancel(message_id) is Code.RUNNING
    await desk.finish(taken.epoch)
    question, reply = await desk.history()
    assert (question.id, reply.id, reply.reply_to) == (message_id, f"{message_id}.reply", message_id)


async def test_live_messages_are_the_entries_of_the_log(desk: Desk) -> None:
    """Both wrappings of an event hold the same frame, whatever is in it."""
    text = TEXTS["header of a live message"] + TEXTS["ascii"]
    await desk.accept("m1", text)
    taken = await desk.take("n1")
    entry = delta(taken.epoch, 1, text)
    await desk.chunk(entry)
    live = b"d %d-1\n%b" % (taken.epoch, entry.frame)
    assert Entry.from_live(live) == (await desk.log())[-1] == entry
    assert entry.kind is Kind.DELTA


async def _iso(backend: Backend, microseconds: list[int]) -> list[str]:
    """What the scripts make of moments."""
    keys = backend.keys.session("s")
    common = (files("unbroken") / "lua" / "common.lua").read_text()
    text = f"#!lua\n{common}\nfor i = 4, #ARGV do ARGV[i] = iso(tonumber(ARGV[i])) end return ARGV"
    command: list[str | int] = ["EVAL", text, len(keys.script), *keys.script, "s", 0, keys.events, *microseconds]
    reply = await backend.redis.router.command(keys.tag, *command)
    return [moment.decode() for moment in reply[3:]]


async def test_moments_are_written_as_python_writes_them(backend: Backend) -> None:
    chance = random.Random(3)
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    moments = [begin, begin + timedelta(milliseconds=1), datetime(2100, 3, 1, tzinfo=UTC)]
    for year in (1972, 1999, 2000, 2023, 2024, 2026, 2027, 2028, 2038, 2099, 2100, 2200):
        for month, day in ((1, 1), (2, 28), (3, 1), (6, 30), (12, 31)):
            moments.append(datetime(year, month, day, 23, 59, 59, 999_999, tzinfo=UTC))
        if (year % 4 == 0 and year % 100) or year % 400 == 0:
            moments.append(datetime(year, 2, 29, tzinfo=UTC))
    moments += [begin + timedelta(microseconds=chance.randrange(8 * 10**15)) for _ in range(2000)]
    numbers = [(moment - begin) // timedelta(microseconds=1) for moment in moments]
    written = await _iso(backend, numbers)
    expected = [
        moment.replace(microsecond=moment.microsecond // 1000 * 1000).isoformat(timespec="milliseconds")
        for moment in moments
    ]
    assert written == [text.replace("+00:00", "Z") for text in expected]
