"""What a session counts, told what servers say."""

from __future__ import annotations

import asyncio
import time

import pytest

from benchmarks.bot import answer, question
from benchmarks.load.dialects import Chainlit, Plain, Unbroken, Whole
from benchmarks.load.session import Script, Session
from benchmarks.load.tally import Tally, percentile


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        self.aborted = True


def asked(kind: type[Session], chunks: int = 64, interval: float = 0.0) -> tuple[Session, Tally]:
    tally = Tally()
    session = kind(Script(chunks, interval, 0.0, tally, lambda: None), "x", "/")
    session.transport = Transport()
    session.ask()
    return session, tally


def stamp(age: float = 0.0) -> str:
    return f"@{(time.monotonic() - age) * 1e6:.0f}~"


async def test_the_bot_says_when_it_began_and_then_what_was_asked_for() -> None:
    before = time.monotonic()
    first, *rest = [chunk async for chunk in answer(question(5, 0.001))]
    assert before <= int(first[1:-1]) / 1e6 <= time.monotonic()
    assert rest == ["abcd~"] * 4


async def test_a_chunk_a_frame() -> None:
    session, tally = asked(Plain, 3)
    for text in (stamp(), "abcd~", "abcd~", "END"):
        session.text(text.encode())
    assert (tally.chunks, tally.frames, tally.replies) == (3, 3, 1)
    assert len(tally.starts) == 1
    assert not tally.delays


async def test_pieces_of_unbroken_hold_several_chunks_and_the_end_comes_with_the_commit() -> None:
    session, tally = asked(Unbroken, 6)
    session.text(b'{"cursor":"1-2.3-4.0-0","type":"reply.started","turn":1,"text":""}')
    session.text(f'{{"cursor":"1-2.3-5.0-0","type":"reply.delta","turn":1,"text":"{stamp()}abcd~"}}'.encode())
    session.text(b'{"cursor":"1-2.3-6.0-0","type":"reply.delta","turn":1,"text":"abcd~"}')
    whole = stamp() + "abcd~" * 5
    session.text(f'{{"cursor":"1-2.3-7.0-0","type":"reply.completed","message":{{"msg":"{whole}"}}}}'.encode())
    assert (tally.chunks, tally.frames, tally.replies) == (6, 3, 1)


async def test_whole_replies() -> None:
    session, tally = asked(Whole, 2)
    session.text(f'{{"msg": "{stamp()}abcd~"}}'.encode())
    assert (tally.chunks, tally.frames, tally.replies) == (2, 1, 1)


async def test_chainlit_begins_with_the_first_chunk() -> None:
    session, tally = asked(Chainlit, 2)
    session.text(b'42["clear_call_fn",{}]')
    session.text(f'42["stream_start",{{"output":"{stamp()}"}}]'.encode())
    session.text(b'42["stream_token",{"token":"abcd~"}]')
    session.text(b'42["update_message",{"output":"@1~abcd~"}]')
    session.text(b'42["task_end",{}]')
    assert (tally.chunks, tally.frames, tally.replies) == (2, 2, 1)


async def test_delays_are_those_of_every_eighth_chunk_also_inside_a_frame() -> None:
    session, tally = asked(Plain, 64, interval=0.02)
    began = 0.5
    session.text((stamp(began) + "abcd~" * 6).encode())
    assert tally.delays == []
    session.text(b"abcd~" * 10)  # the 8th to the 17th: the 8th was due at 0.14 s, the 16th at 0.3 s
    assert len(tally.delays) == 2
    assert 0.35999 <= tally.delays[0] < 10
    assert tally.delays[0] - tally.delays[1] == pytest.approx(0.16)


async def test_a_reply_with_too_little_in_it_ends_the_run() -> None:
    session, tally = asked(Plain, 3)
    session.text(stamp().encode())
    session.text(b"END")
    assert session.script.failed.result() == "1 chunks came instead of 3"
    assert tally.replies == 0


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([float(value) for value in range(1, 101)], 0.99) == 99.0
