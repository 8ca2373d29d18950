from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import pytest

from unbroken.client.transcript import Running, Transcript, advance
from unbroken.protocol import (
    Error,
    Event,
    FeedbackGiven,
    MessageAccepted,
    MessageEdited,
    MessageWithdrawn,
    QueueChanged,
    ReplyCancelled,
    ReplyCompleted,
    ReplyDelta,
    ReplyFailed,
    ReplyPart,
    ReplyStarted,
    Snapshot,
)
from unbroken.types import Feedback, Message, Reasoning, Role, Source, Status

OUTCOMES: dict[Status, Callable[[Message], Event]] = {
    Status.COMPLETED: ReplyCompleted,
    Status.FAILED: ReplyFailed,
    Status.CANCELLED: ReplyCancelled,
}


def question(turn: int, text: str = "?") -> Message:
    return Message(f"m{turn}", text, Role.USER, "2026-01-01T00:00:00.000Z", turn)


def answer(turn: int, text: str, status: Status = Status.COMPLETED) -> Message:
    return Message(
        f"m{turn}.reply", text, Role.ASSISTANT, "2026-01-01T00:00:01.000Z", turn, reply_to=f"m{turn}", status=status
    )


def run(*events: Event, state: Transcript | None = None) -> Transcript:
    state = state or Transcript()
    for event in events:
        state = advance(state, event)
    return state


def test_a_turn_from_question_to_answer() -> None:
    asked = run(MessageAccepted(question(1)))
    assert asked.waiting == [question(1)]
    assert asked.running is None
    saying = run(ReplyStarted(1, "m1", 1, ""), ReplyDelta(1, "Hel"), ReplyDelta(1, "lo"), state=asked)
    assert saying.running == Running(1, "m1", 1, "Hello")
    assert saying.waiting == []
    said = run(ReplyCompleted(answer(1, "Hello!")), state=saying)
    assert said == Transcript((question(1), answer(1, "Hello!")))
    assert said.outcome("m1") == answer(1, "Hello!")


def test_what_an_attempt_begins_with_replaces_what_was_shown_parts_too() -> None:
    state = run(MessageAccepted(question(1)), ReplyStarted(1, "m1", 1, ""), ReplyPart(1, Reasoning("lost")))
    again = run(ReplyStarted(1, "m1", 2, "kept", parts=[Reasoning("hm")]), ReplyPart(1, Source("u")), state=state)
    assert again.running == Running(1, "m1", 2, "kept", (Reasoning("hm"), Source("u")))
    assert run(*again.replay("c")) == again


def test_a_known_turn_is_ignored() -> None:
    state = run(MessageAccepted(question(1)))
    assert advance(state, MessageAccepted(question(1, "something else"))) is state


def test_answers_stand_behind_their_questions() -> None:
    state = run(MessageAccepted(question(1)), MessageAccepted(question(2)), ReplyCompleted(answer(1, "a")))
    assert [m.id for m in state.messages] == ["m1", "m1.reply", "m2"]
    assert state.waiting == [question(2)]


def test_a_new_attempt_replaces_what_was_said() -> None:
    state = run(
        MessageAccepted(question(1)),
        ReplyStarted(1, "m1", 1, ""),
        ReplyDelta(1, "lost"),
        ReplyPart(1, Reasoning("hm")),
        ReplyStarted(1, "m1", 2, "kept"),
    )
    assert state.running == Running(1, "m1", 2, "kept", ())


@pytest.mark.parametrize("late", [ReplyDelta(1, "late"), ReplyPart(1, Reasoning("late")), ReplyStarted(1, "m1", 2, "")])
def test_nothing_follows_an_outcome(late: Event) -> None:
    state = run(MessageAccepted(question(1)), ReplyStarted(1, "m1", 1, ""), ReplyFailed(answer(1, "", Status.FAILED)))
    assert advance(state, late) is state


def test_what_belongs_to_no_running_reply_is_ignored() -> None:
    state = run(MessageAccepted(question(1)), MessageAccepted(question(2)), ReplyStarted(2, "m2", 1, ""))
    assert advance(state, ReplyDelta(1, "x")) is state
    assert advance(Transcript(), ReplyDelta(1, "x")) == Transcript()


def test_an_outcome_is_final() -> None:
    state = run(MessageAccepted(question(1)), ReplyCompleted(answer(1, "first")))
    assert advance(state, ReplyCancelled(answer(1, "second", Status.CANCELLED))) is state


def test_the_outcome_of_another_turn_leaves_the_running_reply() -> None:
    state = run(ReplyStarted(2, "m2", 1, "a"), ReplyCompleted(answer(1, "late but new")))
    assert state.running == Running(2, "m2", 1, "a")


def test_a_snapshot_replaces_everything_and_sorts() -> None:
    before = run(MessageAccepted(question(7)), ReplyStarted(7, "m7", 1, "gone"))
    after = advance(before, Snapshot([question(1), question(2), answer(1, "a")]))
    assert after == Transcript((question(1), answer(1, "a"), question(2)))


def test_a_waiting_message_is_edited_in_its_place() -> None:
    state = run(MessageAccepted(question(1)), MessageAccepted(question(2)))
    edited = question(1, "better")
    assert run(MessageEdited(edited), state=state).messages == (edited, question(2))


def test_waiting_messages_change_places() -> None:
    state = run(*(MessageAccepted(question(turn)) for turn in (1, 2, 3)))
    places = [
        msgspec.structs.replace(question(3), turn=1),
        msgspec.structs.replace(question(1), turn=2),
        msgspec.structs.replace(question(2), turn=3),
    ]
    assert run(QueueChanged(places[::-1]), state=state).messages == tuple(places)


def test_a_withdrawn_message_waits_no_more_and_is_not_shown() -> None:
    state = run(MessageAccepted(question(1)), MessageWithdrawn("m1", 1))
    assert [m.withdrawn for m in state.messages] == [True]
    assert state.waiting == []
    assert run(ReplyCancelled(answer(1, "", Status.CANCELLED)), state=state).shown == []


def test_a_replaced_message_is_not_shown_and_neither_is_its_answer() -> None:
    other = msgspec.structs.replace(question(2, "?!"), replaces="m1")
    state = run(MessageAccepted(question(1)), ReplyCompleted(answer(1, "a")), MessageAccepted(other))
    assert state.shown == [other]


def test_a_verdict_is_given_and_taken_back() -> None:
    state = run(MessageAccepted(question(1)), ReplyCompleted(answer(1, "a")))
    judged = run(FeedbackGiven("m1.reply", Feedback.UP), state=state)
    assert judged.messages[1].feedback is Feedback.UP
    assert judged.messages[0].feedback is None
    assert run(FeedbackGiven("m1.reply", None), state=judged) == state


def test_other_events_change_nothing() -> None:
    state = run(MessageAccepted(question(1)))
    assert advance(state, Error("busy", "later", message_id="m9", retry_after=1)) is state


def history(rng: random.Random) -> tuple[list[Event], Transcript]:
    """A random session as its log tells it, and what it comes to."""
    events: list[Event] = []
    messages: list[Message] = []
    accepted = answered = 0
    running: Running | None = None
    for _ in range(rng.randrange(60)):
        match rng.choice(["accept", "start", "delta", "delta", "delta", "part", "end"]):
            case "accept":
                accepted += 1
                messages.append(question(accepted, rng.choice("abc")))
                events.append(MessageAccepted(messages[-1]))
            case "start" if answered < accepted:
                attempt, text = (running.attempt + 1 if running else 1), rng.choice(["", "kept "])
                running = Running(answered + 1, f"m{answered + 1}", attempt, text)
                events.append(ReplyStarted(running.turn, running.message_id, attempt, text))
            case "delta" if running:
                text = rng.choice(["one ", "two ", ""])
                running = Running(running.turn, running.message_id, running.attempt, running.text + text, running.parts)
                events.append(ReplyDelta(running.turn, text))
            case "part" if running:
                part = Source(f"https://example.com/{rng.random()}")
                running = Running(
                    running.turn, running.message_id, running.attempt, running.text, (*running.parts, part)
                )
                events.append(ReplyPart(running.turn, part))
            case "end" if answered < accepted:
                answered += 1
                status = rng.choice(list(Status))
                messages.append(answer(answered, running.text if running else "", status))
                events.append(OUTCOMES[status](messages[-1]))
                running = None
    return events, Transcript(tuple(sorted(messages, key=lambda m: (m.turn, m.role is Role.ASSISTANT))), running)


@pytest.mark.parametrize("seed", range(50))
def test_random_histories_come_to_the_truth_also_with_repetitions_and_strays(seed: int) -> None:
    rng = random.Random(seed)
    events, truth = history(rng)
    assert run(*events) == truth
    state = Transcript()
    for at, event in enumerate(events):
        state = advance(state, event)
        settled = {e.message.turn for e in events[: at + 1] if isinstance(e, ReplyCompleted | ReplyFailed)}
        for stray in rng.sample(events[: at + 1], k=min(3, at + 1)):
            # what may be repeated safely whenever it comes: acceptances, outcomes, and anything of an answered turn
            turn = stray.turn if isinstance(stray, ReplyStarted | ReplyDelta | ReplyPart) else None
            if turn is None or turn in settled:
                assert advance(state, stray) is state
    assert state == truth


@pytest.mark.parametrize("seed", range(50))
def test_a_replay_leads_to_the_same_transcript(seed: int) -> None:
    events, truth = history(random.Random(seed))
    before = run(*events[: len(events) // 2])
    assert run(*truth.replay("c"), state=before) == truth
