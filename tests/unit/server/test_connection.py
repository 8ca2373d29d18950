"""One client's conversation, without a socket."""

from __future__ import annotations

import json

import pytest

from unbroken.cursor import Cursor, StreamId
from unbroken.errors import InboxFull, SessionGone, Unavailable, UnknownMessage
from unbroken.log import Entry, Kind
from unbroken.protocol import CloseCode, Limits, MessageSend, ReplyCancel, Resume, SessionInfo, SessionReady
from unbroken.server.connection import Action, Close, Connection
from unbroken.server.dialects.native import Native
from unbroken.server.dialects.plain import Plain
from unbroken.server.viewer import Replaced, Shown

READY = SessionReady(SessionInfo("s", "Ada", "now"), Limits(10, 2, 60))
SEND = MessageSend("m", "hello")


def native(violations: int = 3) -> Connection:
    return Connection(Native(), violations)


def said(actions: list[Action]) -> list[dict[str, object]]:
    return [json.loads(action) for action in actions if isinstance(action, bytes)]


def closes(actions: list[Action]) -> CloseCode | None:
    """The code of the close, which has to be the last action."""
    assert not any(isinstance(action, Close) for action in actions[:-1])
    return actions[-1].code if actions and isinstance(actions[-1], Close) else None


def accepted(turn: int) -> Shown:
    id_ = StreamId(turn, turn)
    frame = json.dumps({"type": "message.accepted", "message": {"turn": turn}}).encode()
    return Shown(Entry(Kind.ACCEPTED, id_, frame), Cursor(id_, StreamId(0, 0)))


def ended(turn: int, tail: int) -> Shown:
    message = {
        "id": f"m{turn}.reply",
        "msg": f"answer {turn}",
        "role": "assistant",
        "timestamp": "",
        "turn": turn,
        "status": "completed",
    }
    frame = json.dumps({"type": "reply.completed", "message": message}).encode()
    return Shown(Entry(Kind.END, StreamId(turn, 9), frame), Cursor(StreamId(tail, tail), StreamId(turn, 9)))


def test_a_native_client_is_greeted_first_and_a_plain_one_is_not() -> None:
    assert [event["type"] for event in said(native().opened(READY))] == ["session.ready"]
    assert Connection(Plain(), 3).opened(READY) == []


def test_a_message_is_acknowledged_where_that_was_said_and_nowhere_else() -> None:
    connection = native()
    connection.opened(READY)
    assert connection.done(SEND) == []
    connection = native()
    connection.opened(SessionReady(READY.session, READY.limits, acknowledges=True))
    assert said(connection.done(SEND)) == [{"type": "message.acknowledged", "message_id": "m"}]
    assert connection.done(ReplyCancel("m")) == []
    plain = Connection(Plain(), 3)
    plain.opened(SessionReady(READY.session, READY.limits, acknowledges=True))
    assert plain.done(SEND) == []


@pytest.mark.parametrize(
    ("raw", "command"),
    [
        ('{"type":"message.send","id":"m","text":"hello"}', SEND),
        ('{"type":"reply.cancel","message_id":"m"}', ReplyCancel("m")),
        ('{"type":"resume","cursor":"1-1.2-2.0-0"}', Resume("1-1.2-2.0-0")),
        ('{"type":"resume"}', Resume()),
        ('{"id":"m","later":1,"text":"hello","type":"message.send"}', SEND),
    ],
)
def test_native_commands(raw: str, command: object) -> None:
    assert native().received(raw) == [command]


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "{",
        "null",
        "[]",
        "{}",
        '{"type":"nope"}',
        '{"type":"message.send","id":1,"text":""}',
        '"\\ud800"',
        b"\x00\xff",
    ],
)
def test_what_is_no_command_is_an_error_and_the_connection_stays(raw: str | bytes) -> None:
    connection = native()
    actions = connection.received(raw)
    assert [event["code"] for event in said(actions)] == ["bad_request"]
    assert closes(actions) is None
    assert connection.received('{"type":"resume"}') == [Resume()]


def test_a_client_that_sends_nothing_but_nonsense_is_closed_for_good() -> None:
    connection = native(violations=3)
    connection.received("x")
    connection.received("x")
    assert connection.received('{"type":"resume"}') == [Resume()]
    assert closes(connection.received("x")) is None
    assert closes(connection.received("x")) is None
    assert closes(connection.received("x")) is CloseCode.BAD_COMMAND
    assert connection.closed


def test_a_refused_message_is_an_error_that_names_it() -> None:
    busy, gone = said(native().failed(SEND, InboxFull("20 wait", retry_after=2.0))), native()
    assert busy == [{"type": "error", "code": "busy", "message": "20 wait", "message_id": "m", "retry_after": 2.0}]
    unknown = said(native().failed(ReplyCancel("c"), UnknownMessage("no")))
    assert unknown == [{"type": "error", "code": "unknown_message", "message": "no", "message_id": "c"}]
    actions = gone.failed(SEND, SessionGone())
    assert said(actions)[0]["code"] == "session_gone"
    assert closes(actions) is CloseCode.SESSION_GONE


def test_an_outage_is_told_without_what_redis_said() -> None:
    (event,) = said(native().failed(SEND, Unavailable("connection to 10.0.0.7:6379 refused")))
    assert event["code"] == "unavailable"
    assert event["retry_after"] == 1.0
    assert event["message_id"] == "m"
    assert "10.0.0.7" not in str(event)


def test_events_carry_their_cursor_and_keep_their_bytes() -> None:
    item = accepted(3)
    (frame,) = native().shown([item])
    assert isinstance(frame, bytes)
    assert frame == b'{"cursor":"3-3.0-0.0-0",' + item.entry.frame[1:]


def test_after_the_end_nothing_is_said_or_done() -> None:
    connection = native()
    assert closes(connection.gone()) is CloseCode.SESSION_GONE
    assert connection.received('{"type":"resume"}') == []
    assert connection.shown([accepted(1)]) == []
    assert connection.gone() == []
    assert connection.stalled() == []
    assert connection.drain(1.0) == []
    assert connection.failed(SEND, InboxFull("x")) == []
    assert connection.crashed("r") == []


def test_a_defect_is_told_by_its_reference_only() -> None:
    actions = native().crashed("5f0c1a2b")
    (event,) = said(actions)
    assert (event["code"], event["reference"]) == ("internal", "5f0c1a2b")
    assert closes(actions) is CloseCode.INTERNAL


def test_a_stalled_client_is_closed_without_another_word() -> None:
    actions = native().stalled()
    assert said(actions) == []
    assert closes(actions) is CloseCode.SLOW_CONSUMER


def test_a_native_client_leaves_a_stopping_server_at_once() -> None:
    actions = native().drain(0.4)
    assert said(actions) == [{"type": "reconnect", "after": 0.4}]
    assert closes(actions) is CloseCode.RESTART


def test_a_plain_client_leaves_a_stopping_server_after_its_replies() -> None:
    connection = Connection(Plain(), 3)
    connection.shown([Replaced(b"[]", Cursor(StreamId(0, 0), StreamId(0, 0))), accepted(1), accepted(2)])
    assert connection.drain(0.4) == []
    assert connection.shown([ended(1, tail=2)]) == [b"answer 1"]
    actions = connection.shown([ended(2, tail=2)])
    assert actions[0] == b"answer 2"
    assert closes(actions) is CloseCode.RESTART


def test_a_plain_client_that_waits_for_nothing_leaves_at_once() -> None:
    connection = Connection(Plain(), 3)
    connection.shown([Replaced(b"[]", Cursor(StreamId(0, 0), StreamId(0, 0)))])
    assert closes(connection.drain(0.4)) is CloseCode.RESTART


def test_plain_text_is_a_message_with_an_id_of_its_own() -> None:
    connection = Connection(Plain(), 3)
    first, second = connection.received("hello"), connection.received("hello")
    assert isinstance(first[0], MessageSend)
    assert isinstance(second[0], MessageSend)
    assert first[0].text == "hello"
    assert first[0].id != second[0].id


def test_plain_errors_are_one_line() -> None:
    assert Connection(Plain(), 3).failed(SEND, InboxFull("20 wait")) == [b"[error] 20 wait"]
