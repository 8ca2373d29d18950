"""What each dialect makes of the log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unbroken import protocol
from unbroken.cursor import Cursor, StreamId
from unbroken.log import Entry, Kind
from unbroken.protocol import Error, Reconnect, decode_event
from unbroken.server.asyncapi import EXAMPLES
from unbroken.server.dialects import translate
from unbroken.server.dialects.native import Native
from unbroken.server.dialects.plain import Plain
from unbroken.server.dialects.sse import Sse
from unbroken.server.viewer import Item, Replaced, Shown

AT = Cursor(StreamId(2, 20), StreamId(30, 4))


def reply(turn: int, text: str, status: str = "completed", **more: Any) -> dict[str, Any]:
    return {
        "id": f"m{turn}.reply",
        "role": "assistant",
        "reply_to": f"m{turn}",
        "turn": turn,
        "timestamp": "",
        "msg": text,
        "status": status,
        **more,
    }


def question(turn: int) -> dict[str, Any]:
    return {"id": f"m{turn}", "role": "user", "turn": turn, "timestamp": "", "msg": "?"}


def shown(kind: Kind, type_: str, tail: int = 1, **members: Any) -> Shown:
    frame = json.dumps({"type": type_, **members}, separators=(",", ":")).encode()
    return Shown(Entry(kind, StreamId(9, 9), frame), Cursor(StreamId(tail, 1), StreamId(9, 9)))


def end(turn: int, text: str, status: str = "completed", tail: int = 0, **more: Any) -> Shown:
    return shown(Kind.END, f"reply.{status}", tail or turn, message=reply(turn, text, status, **more))


def snapshot(tail: int, *messages: dict[str, Any]) -> Replaced:
    return Replaced(json.dumps(messages).encode(), Cursor(StreamId(tail, 1), StreamId(9, 9)), b'"Ada"')


def test_native_passes_frames_through_with_the_cursor_in_front() -> None:
    item = Shown(Entry(Kind.DELTA, AT.log, '{"type":"reply.delta","turn":2,"text":"é"}'.encode()), AT)
    (frame,) = translate(Native(), [item])
    assert frame.decode() == '{"cursor":"2-20.30-4.0-0","type":"reply.delta","turn":2,"text":"é"}'
    event = decode_event(frame)
    assert isinstance(event, protocol.ReplyDelta)
    assert Cursor.parse(event.cursor) == AT


def test_native_snapshot_is_an_event_of_the_protocol() -> None:
    (frame,) = translate(Native(), [snapshot(1, question(1), reply(1, "a"))])
    event = decode_event(frame)
    assert isinstance(event, protocol.Snapshot)
    assert [message.msg for message in event.messages] == ["?", "a"]
    assert (event.cursor, event.name) == ("1-1.9-9.0-0", "Ada")


def test_sse_has_the_cursor_as_id_and_the_type_as_event() -> None:
    frames = translate(Sse(), [end(1, "two\nlines"), snapshot(1, question(1))])
    first, second = (frame.decode() for frame in frames)
    lines = first.split("\n")
    assert lines[0] == "id: 1-1.9-9.0-0"
    assert lines[1] == "event: reply.completed"
    assert json.loads(lines[2].removeprefix("data: "))["message"]["msg"] == "two\nlines"
    assert lines[3:] == ["", ""]
    assert second.startswith('id: 1-1.9-9.0-0\nevent: snapshot\ndata: {"type":"snapshot","messages":[')
    assert json.loads(second.partition("data: ")[2])["name"] == "Ada"


def test_sse_notices_have_no_id() -> None:
    error = Sse().notice(Error("session_gone", "gone"))
    assert error == b'event: error\ndata: {"type":"error","code":"session_gone","message":"gone"}\n\n'
    assert Sse().notice(Reconnect(0.25)) == b"retry: 250\n\n"


@pytest.mark.parametrize("example", [e for e in EXAMPLES if isinstance(e, Error | Reconnect)])
def test_native_writes_every_notice(example: Error | Reconnect) -> None:
    assert decode_event(Native().notice(example)) == example


def test_plain_writes_one_text_for_each_outcome() -> None:
    dialect = Plain()
    items: list[Item] = [
        snapshot(0),
        shown(Kind.ACCEPTED, "message.accepted"),
        shown(Kind.STARTED, "reply.started"),
        shown(Kind.DELTA, "reply.delta", text="hal"),
        end(1, "half and half"),
        end(2, "part", "cancelled"),
        end(3, "some", "failed", error={"code": "x", "message": "The model is away."}),
        end(4, "", "cancelled"),
    ]
    assert translate(dialect, items) == [b"half and half", b"part", b"The model is away.", b""]


def test_plain_writes_the_options_of_a_question_behind_it() -> None:
    asked = [{"type": "question", "text": "Delete them?", "options": ["yes", "no"]}]
    frames = translate(
        Plain(),
        [
            snapshot(0),
            end(1, "Three files.\n\nDelete them?", parts=asked),
            end(2, "Why?", parts=[asked[0] | {"options": []}]),
        ],
    )
    assert frames == [b"Three files.\n\nDelete them? [yes / no]", b"Why?"]


def test_plain_writes_no_reply_that_gave_way_to_another() -> None:
    dialect = Plain()
    gave_way = reply(1, "hal", "cancelled", merged_into="m2")
    items: list[Item] = [snapshot(0), end(1, "hal", "cancelled", merged_into="m2"), end(2, "both")]
    assert translate(dialect, items) == [b"both"]
    behind = Plain()
    translate(behind, [snapshot(2, question(1), question(2))])
    assert translate(behind, [snapshot(2, question(1), question(2), gave_way, reply(2, "both"))]) == [b"both"]
    assert not dialect.unfinished
    assert not behind.unfinished


def test_plain_sends_no_history_but_what_was_still_to_come() -> None:
    dialect = Plain()
    assert translate(dialect, [snapshot(3, question(1), reply(1, "old"), question(2), question(3))]) == []
    assert dialect.unfinished
    assert translate(dialect, [end(2, "two", tail=3)]) == [b"two"]
    assert dialect.unfinished
    assert translate(dialect, [end(3, "three", tail=3)]) == [b"three"]
    assert not dialect.unfinished


def test_plain_reads_the_replies_that_a_snapshot_replaced_each_once() -> None:
    dialect = Plain()
    translate(dialect, [snapshot(2, question(1), question(2)), end(1, "one", tail=2)])
    later = snapshot(3, question(1), question(2), reply(1, "one"), reply(2, "two"), question(3), reply(3, "three"))
    assert translate(dialect, [later]) == [b"two", b"three"]
    assert translate(dialect, [later]) == []
    assert not dialect.unfinished


def test_plain_forgets_what_a_failover_took_back() -> None:
    dialect = Plain()
    translate(dialect, [snapshot(0), end(1, "one"), end(2, "lost")])
    assert translate(dialect, [snapshot(2, question(1), reply(1, "one"), question(2))]) == []
    assert dialect.unfinished
    assert translate(dialect, [end(2, "again")]) == [b"again"]
