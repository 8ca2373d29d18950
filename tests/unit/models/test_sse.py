from __future__ import annotations

import pytest

from unbroken.models import sse
from unbroken.models.sse import EventStream

STREAM = (
    "data: one\n\n: a comment\nevent: x\ndata: två 🌊\ndata:second line\n\nid: 3\n\ndata:\n\ndata: three\n\n".encode()
)
EVENTS = [b"one", "två 🌊\nsecond line".encode(), b"", b"three"]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_the_same_however_the_bytes_are_cut(ending: bytes, size: int) -> None:
    raw = STREAM.replace(b"\n", ending)
    stream = EventStream()
    found = []
    for start in range(0, len(raw), size):
        found += stream.feed(raw[start : start + size])
    assert found + stream.close() == EVENTS


def test_an_event_leaves_as_soon_as_its_blank_line_is_there() -> None:
    stream = EventStream()
    assert stream.feed(b"data: a\n") == []
    assert stream.feed(b"\n") == [b"a"]


def test_an_event_of_several_lines_may_be_cut_behind_a_line() -> None:
    stream = EventStream()
    assert stream.feed(b"data: a\nd") == []
    assert stream.feed(b"ata: b\n\n") == [b"a\nb"]
    assert stream.feed(b"data: a\rdata: b\n\n") == [b"a\nb"]
    assert stream.feed(b"data: a\n\n") == [b"a"]


def test_a_last_event_without_its_blank_line_is_given_at_the_end() -> None:
    stream = EventStream()
    assert stream.feed(b"data: a") == []
    assert stream.close() == [b"a"]
    assert stream.close() == []


def test_an_endless_line_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LONGEST", 100)
    stream = EventStream()
    stream.feed(b"data: " + b"x" * 90)
    with pytest.raises(ValueError, match="100 bytes"):
        stream.feed(b"x" * 10)


def test_endless_lines_of_one_event_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LONGEST", 100)
    stream = EventStream()
    for _ in range(6):
        assert stream.feed(b"data: 123456789\n") == []
    with pytest.raises(ValueError, match="100 bytes"):
        stream.feed(b"data: 1234567890\n")
