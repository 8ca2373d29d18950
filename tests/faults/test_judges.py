"""The judges of the fault tests: each finds what it looks for, and lets pass what is right."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faults.bots import answer, question
from tests.faults.ledger import Ledger, check
from tests.faults.proxy import Proxy, Way
from tests.faults.resp import Splitter, pack
from tests.faults.sight import Sight
from tests.faults.violations import Verdict
from unbroken.keys import Keys
from unbroken.protocol import Event, MessageAccepted, ReplyCompleted, ReplyDelta, ReplyStarted, Snapshot, encode
from unbroken.types import Message, Role, Status

TEXT = question("label", 4, 0.0)
ASKED = Message("m", TEXT, Role.USER, "", 1)
REPLY = Message("m.reply", answer(TEXT), Role.ASSISTANT, "", 1, reply_to="m", status=Status.COMPLETED)
RIGHT: list[Event] = [
    Snapshot([], "0-0.0-0.0-0"),
    MessageAccepted(ASKED, "1-5.0-0.0-0"),
    ReplyStarted(1, "m", 1, "", "1-5.7-0.0-0"),
    ReplyDelta(1, "label:", "1-5.7-1.0-0"),
    ReplyDelta(1, "1 ", "1-5.7-2.0-0"),
    ReplyCompleted(REPLY, "1-5.7-3.0-0"),
]


def judged(events: list[Event]) -> str:
    verdict = Verdict()
    sight = Sight("s", verdict)
    for event in events:
        sight.take(event)
    return "".join(sorted({violation.invariant for violation in verdict.violations}))


def test_sight_accepts_what_is_right() -> None:
    assert judged(RIGHT) == ""
    assert judged([*RIGHT, Snapshot([ASKED, REPLY], "1-5.7-3.0-0")]) == ""


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ([*RIGHT[:4], RIGHT[3]], "D"),  # a cursor twice
        ([*RIGHT[:3], RIGHT[4]], "D"),  # a chunk missing
        ([*RIGHT[:4], ReplyDelta(1, "2 ", "1-5.7-2.0-0")], "D"),  # another text than the bot's
        ([*RIGHT[:4], ReplyDelta(1, "1 ", "1-5.6-2.0-0")], "F"),  # from an attempt before
        ([RIGHT[0], RIGHT[2]], "BD"),  # nobody asked
        ([*RIGHT, ReplyCompleted(REPLY, "1-5.8-0.0-0")], "A"),  # a second outcome
        ([Snapshot([ASKED, REPLY, REPLY], "1-5.7-3.0-0")], "A"),
        ([*RIGHT[:5], ReplyCompleted(Message("m.reply", "", Role.ASSISTANT, "", 1), "1-5.7-3.0-0")], "D"),
    ],
)
def test_sight_finds_what_is_wrong(wrong: list[Event], found: str) -> None:
    assert set(found) <= set(judged(wrong))


def test_sight_misses_what_was_kept() -> None:
    """The checkpoint of this message is behind its first number."""
    text = question("label", 3, 0.0)
    events: list[Event] = [
        RIGHT[0],
        MessageAccepted(Message("m", text, Role.USER, "", 1), "1-5.0-0.0-0"),
        ReplyStarted(1, "m", 1, "", "1-5.7-0.0-0"),
        ReplyDelta(1, "label:1 ", "1-5.7-1.0-0"),
    ]
    again = ReplyStarted(1, "m", 2, "", "1-5.8-0.0-0")
    assert judged([*events, again]) == ""  # it may not have been kept yet
    events.append(ReplyDelta(1, "1 ", "1-5.7-2.0-0"))
    assert judged([*events, again]) == "D"
    assert judged([*events, ReplyStarted(1, "m", 2, "label:1 ", "1-5.8-0.0-0")]) == ""


class Book:
    """An append-only file."""

    def __init__(self, path: Path) -> None:
        self.keys = Keys("ub", 1)
        self.session = self.keys.session("s")
        self.path = path
        path.touch()

    def write(self, *words: str | bytes) -> None:
        with self.path.open("ab") as file:
            file.write(pack([word.encode() if isinstance(word, str) else word for word in words]))

    def entry(self, id_: str, kind: str) -> None:
        self.write("XADD", self.session.log, id_, "k", kind, "f", "{}")

    def stored(self, message: Message) -> None:
        self.write("JSON.ARRAPPEND", self.session.doc, "$.messages", encode_message(message))

    def found(self) -> str:
        ledger, verdict = Ledger(), Verdict()
        ledger.read(self.path)
        check("s", ledger.books["s"], verdict)
        return "".join(sorted({violation.invariant for violation in verdict.violations}))


def encode_message(message: Message) -> bytes:
    return encode(MessageAccepted(message)).partition(b'"message":')[2][:-1]


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        (["5-0 s", "5-1 d", "5-2 d", "5-9 e"], ""),
        (["5-0 s", "5-1 d", "6-0 s", "6-1 e"], ""),
        (["5-0 s", "5-2 d", "5-3 e"], "C"),
        (["5-1 d", "5-2 e"], "C"),
        (["5-0 s", "6-0 s", "5-1 d", "6-1 e"], "CF"),
        (["5-0 s", "5-1 e", "5-2 d"], "F"),
        (["5-0 s", "5-1 e", "6-0 e"], "A"),
    ],
)
def test_ledger(tmp_path: Path, entries: list[str], found: str) -> None:
    book = Book(tmp_path / "aof")
    book.stored(ASKED)
    book.stored(REPLY)
    for entry in entries:
        book.entry(*entry.split())
    assert book.found() == found


@pytest.mark.parametrize(
    ("kept", "found"),
    [
        (['{"steps":{"a":1}}', '{"saved":1,"steps":{"a":1}}', '{"saved":1,"steps":{"a":1}}'], ""),
        (['{"steps":{"a":1}}', "", '{"steps":{"a":1}}'], ""),
        (['{"steps":{"a":1}}', '{"steps":{"a":1}}'], "A"),
        (['{"steps":{"a":1}}', '{"saved":1}'], "A"),
    ],
)
def test_ledger_finds_a_step_that_was_done_twice(tmp_path: Path, kept: list[str], found: str) -> None:
    book = Book(tmp_path / "aof")
    for one in kept:
        words = ("HSET", book.session.state, "kept", one, "step", "5-1")
        book.write(*words if one else ("HDEL", book.session.state, "run", "kept", "step"))
    assert book.found() == found


def test_ledger_reads_an_entry_that_trims(tmp_path: Path) -> None:
    book = Book(tmp_path / "aof")
    for message in (ASKED, REPLY):
        book.stored(message)
    book.entry("5-0", "s")
    book.write("XADD", book.session.log, "MINID", "=", "5-1", "5-1", "k", "e", "f", "{}")
    assert book.found() == ""


def test_ledger_finds_a_message_that_was_stored_twice(tmp_path: Path) -> None:
    book = Book(tmp_path / "aof")
    for message in (ASKED, ASKED, REPLY):
        book.stored(message)
    book.entry("5-0", "s")
    book.entry("5-1", "e")
    assert book.found() == "A"


def test_splitter_cuts_at_every_byte() -> None:
    values = [
        b"+OK\r\n",
        b"$5\r\na\r\nbc\r\n",
        b"$-1\r\n",
        b"*2\r\n:1\r\n*1\r\n$0\r\n\r\n",
        b">2\r\n+a\r\n_\r\n",
        b"%1\r\n+a\r\n#t\r\n",
    ]
    splitter = Splitter()
    found = [value for byte in b"".join(values) for value in splitter.feed(bytes([byte]))]
    assert found == values


async def test_proxy_holds_and_cuts() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Proxy(f"127.0.0.1:{port}") as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        proxy.hold(Way.DOWN)
        writer.write(b"late")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(4), 0.1)
        proxy.release()
        assert await reader.readexactly(4) == b"late"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        writer.close()
