from __future__ import annotations

import pytest

from unbroken.client.conversation import Conversation, is_temporary, refusal
from unbroken.errors import InboxFull, MessageRefused, Refused, SessionFull, SessionGone
from unbroken.protocol import (
    ERRORS,
    Error,
    Event,
    Limits,
    MessageAccepted,
    MessageSend,
    ReplyCancel,
    ReplyCompleted,
    ReplyDelta,
    ReplyStarted,
    SessionInfo,
    SessionReady,
    SessionRenamed,
    Snapshot,
)
from unbroken.types import Message, Role, Status

READY = SessionReady(SessionInfo("s", "Ada", "2026-01-01T00:00:00.000Z"), Limits(65_536, 20, 3600))
QUESTION = Message("m1", "?", Role.USER, "", 1)
ANSWER = Message("m1.reply", "Hello", Role.ASSISTANT, "", 1, reply_to="m1", status=Status.COMPLETED)


def connected() -> Conversation:
    conversation = Conversation()
    conversation.receive(READY, 0)
    conversation.receive(Snapshot([], "c0"), 0)
    return conversation


def test_repeated_events_are_no_news() -> None:
    conversation = connected()
    events: list[Event] = [
        MessageAccepted(QUESTION, "c1"),
        ReplyStarted(1, "m1", 1, "", "c2"),
        ReplyDelta(1, "Hel", "c3"),
        ReplyDelta(1, "lo", "c4"),
    ]
    assert [conversation.receive(event, 0) for event in events] == [True] * 4
    assert [conversation.receive(event, 0) for event in events] == [False] * 4
    assert conversation.cursor == "c4"
    assert conversation.transcript.running is not None
    assert conversation.transcript.running.text == "Hello"


def test_after_a_snapshot_old_cursors_may_come_again() -> None:
    conversation = connected()
    first: list[Event] = [
        MessageAccepted(QUESTION, "c1"),
        ReplyStarted(1, "m1", 1, "", "c2"),
        ReplyDelta(1, "Hello", "c3"),
    ]
    for event in [*first, Snapshot([QUESTION], "c1"), *first[1:]]:
        assert conversation.receive(event, 0)
    assert conversation.cursor == "c3"
    assert conversation.transcript.running is not None
    assert conversation.transcript.running.text == "Hello"


def test_a_snapshot_brings_the_name_that_a_lost_rename_gave() -> None:
    conversation = connected()
    conversation.receive(Snapshot([], "c1", "Bob"), 0)
    assert conversation.session is not None
    assert conversation.session.name == "Bob"


def test_a_message_is_owed_until_its_outcome() -> None:
    conversation = connected()
    conversation.send(MessageSend("m1", "?"))
    assert conversation.outbox.due(0)[0] == [MessageSend("m1", "?")]
    conversation.receive(MessageAccepted(QUESTION, "c1"), 0)
    conversation.receive(READY, 0)
    assert conversation.outbox.due(0)[0] == [MessageSend("m1", "?")]
    conversation.receive(ReplyCompleted(ANSWER, "c2"), 0)
    conversation.receive(READY, 0)
    assert conversation.outbox.due(0)[0] == []


def test_a_snapshot_settles_what_it_answers() -> None:
    conversation = connected()
    conversation.send(MessageSend("m1", "?"))
    conversation.outbox.due(0)
    conversation.receive(Snapshot([QUESTION, ANSWER], "c2"), 0)
    conversation.receive(READY, 0)
    assert conversation.outbox.due(0)[0] == []


def test_what_is_answered_already_is_not_sent() -> None:
    conversation = connected()
    conversation.receive(Snapshot([QUESTION, ANSWER], "c2"), 0)
    conversation.send(MessageSend("m1", "?"))
    assert conversation.outbox.due(0)[0] == []


def test_what_is_stored_already_holds_nothing_back() -> None:
    conversation = connected()
    conversation.receive(MessageAccepted(QUESTION, "c1"), 0)
    conversation.send(MessageSend("m1", "?"))
    conversation.send(MessageSend("m2", "!"))
    assert conversation.outbox.due(0)[0] == [MessageSend("m1", "?"), MessageSend("m2", "!")]


def test_a_final_refusal_ends_the_message_and_lets_the_next_one_go() -> None:
    conversation = connected()
    conversation.send(MessageSend("m1", "?"))
    conversation.send(MessageSend("m2", "!"))
    conversation.outbox.due(0)
    conversation.receive(Error("session_full", "full", message_id="m1"), 0)
    assert isinstance(conversation.refused["m1"], SessionFull)
    assert conversation.outbox.due(0)[0] == [MessageSend("m2", "!")]


def test_what_a_message_answers_and_what_it_does_meanwhile_go_with_it_every_time() -> None:
    conversation = connected()
    conversation.send(MessageSend("m1", "yes", answers="m0.reply", policy="interrupt"))
    for _ in range(2):
        assert conversation.outbox.due(0)[0] == [MessageSend("m1", "yes", None, "m0.reply", "interrupt")]
        conversation.receive(READY, 0)


def test_a_message_that_asked_for_it_is_refused_rather_than_waits() -> None:
    conversation = connected()
    conversation.send(MessageSend("m1", "?", policy="reject"))
    conversation.send(MessageSend("m2", "!"))
    for message_id in ("m1", "m2"):
        conversation.outbox.due(0)
        conversation.receive(Error("busy", "a reply is running", message_id=message_id, retry_after=2), 0)
    assert isinstance(conversation.refused["m1"], InboxFull)
    assert list(conversation.refused) == ["m1"]
    assert conversation.outbox.due(2)[0] == [MessageSend("m2", "!")]


def test_a_cancel_of_nothing_is_forgotten_and_its_message_kept() -> None:
    conversation = connected()
    conversation.send(MessageSend("m1", "?"))
    conversation.outbox.cancel("m1")
    conversation.receive(MessageAccepted(QUESTION, "c1"), 0)
    assert conversation.outbox.due(0)[0] == [MessageSend("m1", "?"), ReplyCancel("m1")]
    conversation.receive(Error("unknown_message", "?", message_id="m1"), 0)
    conversation.receive(READY, 0)
    assert conversation.outbox.due(0)[0] == [MessageSend("m1", "?")]
    assert not conversation.refused


def test_a_message_is_unknown_only_if_it_replaces_one() -> None:
    conversation = connected()
    conversation.send(MessageSend("m1", "?"))
    conversation.send(MessageSend("m2", "!", replaces="m0"))
    for message_id in ("m1", "m2"):  # nothing tells what the server was asked: to send, or to cancel
        conversation.receive(Error("unknown_message", "?", message_id=message_id), 0)
    assert list(conversation.refused) == ["m2"]
    assert conversation.outbox.due(0)[0] == [MessageSend("m1", "?")]


def test_an_error_about_nothing_in_particular_changes_nothing() -> None:
    conversation = connected()
    conversation.send(MessageSend("m1", "?"))
    assert conversation.receive(Error("bad_request", "?"), 0)
    assert conversation.outbox.due(0)[0] == [MessageSend("m1", "?")]


def test_another_name_is_news_once() -> None:
    conversation = connected()
    assert conversation.receive(SessionRenamed("Countess", "c1"), 0)
    assert conversation.session is not None
    assert conversation.session.name == "Countess"
    assert not conversation.receive(SessionRenamed("Countess", "c1"), 0)


def test_the_end_of_the_session_is_remembered() -> None:
    conversation = connected()
    conversation.receive(Error("session_gone", "gone"), 0)
    assert isinstance(conversation.gone, SessionGone)


@pytest.mark.parametrize("code", [code for code in ERRORS if not ERRORS[code].retry])
def test_every_lasting_error_becomes_its_exception(code: str) -> None:
    error = refusal(Error(code, "because"))
    assert type(error) is not Refused
    assert error.code == code
    assert "because" in str(error)


def test_unknown_codes_are_lasting_unless_they_name_a_time() -> None:
    assert not is_temporary(Error("from_the_future", "?"))
    assert is_temporary(Error("from_the_future", "?", retry_after=1))
    error = refusal(Error("from_the_future", "?"))
    assert type(error) is Refused
    assert error.code == "from_the_future"


def test_a_message_that_was_refused_says_why() -> None:
    assert isinstance(refusal(Error("bad_message", "empty")), MessageRefused)
