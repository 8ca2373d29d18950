"""Changes in the eyes of a reader. The other rules are tested with the viewer, and with the model."""

from __future__ import annotations

import pytest

from unbroken.cursor import ZERO, Cursor, StreamId
from unbroken.log import Entry, Kind
from unbroken.server.reader import Reader, Verdict

TURN, LOG, CHANGE = StreamId(3, 300), StreamId(500, 7), StreamId(2, 200)


def change(id_: StreamId, prev: StreamId = CHANGE, turn: StreamId = TURN, log: StreamId = LOG) -> Entry:
    return Entry.from_live(f"c {id_} {prev} {turn} {log}\n{{}}".encode())


@pytest.mark.parametrize(
    ("entry", "verdict"),
    [
        (change(StreamId(3, 301)), Verdict.APPLY),
        (change(StreamId(4, 301), prev=StreamId(3, 300)), Verdict.GAP),
        (change(StreamId(3, 301), prev=StreamId(2, 201)), Verdict.GAP),  # a failover gave number 2 away again
        (change(StreamId(2, 200), prev=StreamId(1, 100)), Verdict.DROP),
        (change(StreamId(1, 100), prev=ZERO), Verdict.DROP),
        (change(StreamId(2, 201), prev=StreamId(1, 100)), Verdict.GAP),  # a failover gave the number away again
        (change(StreamId(3, 301), turn=StreamId(4, 301)), Verdict.GAP),
        (change(StreamId(3, 301), log=StreamId(500, 8)), Verdict.GAP),
        (Entry.from_live(b"x 0-0\n{}"), Verdict.GAP),
    ],
)
def test_verdicts(entry: Entry, verdict: Verdict) -> None:
    reader = Reader(Cursor(TURN, LOG, CHANGE))
    assert reader.offer(entry) is verdict
    moved = verdict is Verdict.APPLY
    assert reader.cursor == Cursor(TURN, LOG, entry.id if moved else CHANGE)


@pytest.mark.parametrize(
    ("newest", "verdict"),
    [(CHANGE, Verdict.APPLY), (StreamId(3, 300), Verdict.GAP), (StreamId(2, 201), Verdict.GAP)],
)
def test_a_reply_begins_under_its_message_as_the_newest_change_left_it(newest: StreamId, verdict: Verdict) -> None:
    reader = Reader(Cursor(TURN, LOG, CHANGE))
    started = Entry.from_live(f"s 501-0 {LOG} {TURN} {newest}\n{{}}".encode())
    assert reader.offer(started) is verdict


def test_a_change_is_an_event_of_its_own() -> None:
    entry = change(StreamId(3, 301))
    assert (entry.kind, entry.prev, entry.turn, entry.at) == (Kind.CHANGED, CHANGE, None, (TURN, LOG))
