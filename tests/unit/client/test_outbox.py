from __future__ import annotations

import random

import pytest

from unbroken.client.outbox import ANSWER, Outbox
from unbroken.client.transcript import Transcript
from unbroken.protocol import MessageSend, ReplyCancel
from unbroken.types import Message, Role, Status


def send(message_id: str) -> MessageSend:
    return MessageSend(message_id, f"text of {message_id}")


def filled(*ids: str) -> Outbox:
    outbox = Outbox()
    for message_id in ids:
        outbox.add(MessageSend(message_id, f"text of {message_id}"))
    return outbox


def stored(*ids: str, answered: tuple[str, ...] = ()) -> Transcript:
    questions = [Message(m, "", Role.USER, "", turn) for turn, m in enumerate(ids, 1)]
    answers = [
        Message(f"{m}.reply", "", Role.ASSISTANT, "", turn, reply_to=m, status=Status.COMPLETED)
        for turn, m in enumerate(ids, 1)
        if m in answered
    ]
    return Transcript((*questions, *answers))


def test_the_next_message_goes_when_the_one_before_is_accepted() -> None:
    outbox = filled("a", "b")
    assert outbox.due(0) == ([send("a")], ANSWER)
    assert outbox.due(0) == ([], ANSWER)
    outbox.accepted("a")
    assert outbox.due(0) == ([send("b")], ANSWER)


def test_a_new_connection_sends_everything_unanswered_again_before_what_is_new() -> None:
    outbox = filled("a", "b", "c")
    for message_id in "ab":
        outbox.due(0)
        outbox.accepted(message_id)
    outbox.settled("a")
    outbox.add(MessageSend("d", "text of d"))
    outbox.connected()
    assert outbox.due(0) == ([send("b"), send("c")], ANSWER)
    outbox.accepted("c")
    assert outbox.due(0) == ([send("d")], ANSWER)


def test_where_messages_are_acknowledged_an_answered_one_is_owed_until_that() -> None:
    outbox = filled("a", "b")
    outbox.connected(acknowledges=True)
    outbox.due(0)
    outbox.accepted("a")
    outbox.due(0)
    outbox.settled("a")
    assert "a" in outbox
    assert not outbox.safe("a")
    outbox.postponed("a", 0, 1.0)
    assert outbox.due(1.0)[0] == [send("a")], "the replicas did not have it in time"
    outbox.acknowledged("a")
    assert "a" not in outbox
    assert outbox.safe("a")
    outbox.acknowledged("b")
    assert "b" in outbox, "it has no outcome yet"
    outbox.settled("b")
    assert not len(outbox)


def test_a_failover_that_loses_an_answered_message_before_it_was_acknowledged_is_healed() -> None:
    outbox = filled("a")
    outbox.connected(acknowledges=True)
    outbox.due(0)
    outbox.accepted("a")
    outbox.settled("a")
    outbox.compare(stored())
    assert outbox.due(1.0)[0] == [send("a")]
    outbox.acknowledged("a")
    assert "a" in outbox, "that outcome is lost; there will be another one"
    outbox.settled("a")
    assert not len(outbox)


def test_a_postponed_message_holds_back_those_behind_it() -> None:
    outbox = filled("a", "b")
    outbox.due(0)
    outbox.postponed("a", 10.0, 2.5)
    assert outbox.due(11.0) == ([], 12.5)
    assert outbox.due(12.5) == ([send("a")], 12.5 + ANSWER)
    outbox.accepted("a")
    assert outbox.due(12.5) == ([send("b")], 12.5 + ANSWER)


def test_patience_grows_where_the_server_names_none() -> None:
    outbox = filled("a")
    pauses = []
    for _ in range(8):
        outbox.due(1e9)
        outbox.postponed("a", 0.0, None)
        pauses.append(outbox.due(0.0)[1])
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_an_accepted_message_that_is_postponed_holds_nothing_back() -> None:
    outbox = filled("a", "b")
    outbox.due(0)
    outbox.accepted("a")
    outbox.postponed("a", 0, 5)
    assert outbox.due(0) == ([send("b")], 5)


def test_a_cancellation_waits_for_its_message_and_survives_a_reconnect() -> None:
    outbox = filled("a")
    outbox.cancel("a")
    assert outbox.due(0) == ([send("a")], ANSWER)
    outbox.accepted("a")
    assert outbox.due(0) == ([ReplyCancel("a")], None)
    assert outbox.due(0) == ([], None)
    outbox.connected()
    assert outbox.due(0) == ([send("a"), ReplyCancel("a")], None)
    outbox.settled("a")
    outbox.connected()
    assert outbox.due(0) == ([], None)


def test_somebody_elses_message_may_be_cancelled_at_once() -> None:
    outbox = Outbox()
    outbox.cancel("theirs")
    assert outbox.due(0) == ([ReplyCancel("theirs")], None)
    outbox.postponed("theirs", 0, 3)
    assert outbox.due(1) == ([], 3)
    assert outbox.due(3) == ([ReplyCancel("theirs")], None)
    outbox.not_cancelled("theirs")
    outbox.connected()
    assert outbox.due(3) == ([], None)


def test_a_snapshot_tells_what_arrived_what_is_done_and_what_was_lost() -> None:
    outbox = filled("done", "stored", "lost", "new")
    for message_id in ("done", "stored", "lost"):
        outbox.due(0)
        outbox.accepted(message_id)
    outbox.cancel("done")
    outbox.compare(stored("done", "stored", answered=("done",)))
    assert "done" not in outbox
    assert outbox.due(0) == ([send("lost")], ANSWER)
    outbox.accepted("lost")
    assert outbox.due(0) == ([send("new")], ANSWER)


def test_a_snapshot_does_not_repeat_what_is_on_its_way() -> None:
    outbox = filled("a")
    outbox.due(0)
    outbox.compare(stored())
    assert outbox.due(0) == ([], ANSWER)


def test_a_message_of_which_nobody_heard_goes_again_also_on_a_connection_that_lives() -> None:
    """The server took it and lost it in a failover, before it told anybody: no event will ever come of that."""
    outbox = filled("a", "b")
    outbox.due(0)
    outbox.compare(stored())
    assert outbox.due(ANSWER - 0.1) == ([], ANSWER)
    assert outbox.due(ANSWER) == ([send("a")], 2 * ANSWER)
    outbox.accepted("a")
    assert outbox.due(ANSWER) == ([send("b")], 2 * ANSWER)
    outbox.accepted("b")
    assert outbox.due(1000) == ([], None), "what is accepted is in the log, or a snapshot tells"


@pytest.mark.parametrize("seed", range(40))
def test_a_server_that_refuses_and_dies_at_random_gets_every_message_in_order(seed: int) -> None:
    rng = random.Random(seed)
    ids = [f"m{n}" for n in range(12)]
    outbox = filled(*ids[:6])
    fresh = iter(ids[6:])
    accepted: list[str] = []
    wire: list[str] = []  # sent, not yet read by the server
    now = 0.0
    while len(accepted) < len(ids):
        now += 1.0
        commands, _ = outbox.due(now)
        wire += [command.id for command in commands if isinstance(command, MessageSend)]
        assert len(set(wire) - set(accepted)) <= 1
        match rng.choice(["read", "read", "read", "busy", "die", "add"]):
            case "read" if wire:
                message_id = wire.pop(0)
                if message_id not in accepted:
                    accepted.append(message_id)
                outbox.accepted(message_id)
                if rng.random() < 0.3:
                    outbox.settled(message_id)
            case "busy" if wire and wire[0] not in accepted:
                outbox.postponed(wire.pop(0), now, rng.choice([None, 0.5, 3.0]))
            case "die":
                if wire and rng.random() < 0.5 and wire[0] not in accepted:
                    accepted.append(wire[0])  # stored, but nobody was told
                wire.clear()
                outbox.connected()
            case "add":
                if (message_id := next(fresh, "")) != "":
                    outbox.add(MessageSend(message_id, f"text of {message_id}"))
    assert accepted == ids
