"""Which question of a chat is open."""

from __future__ import annotations

import msgspec
import pytest

from unbroken.client import OpenQuestion, Transcript
from unbroken.types import Message, Part, Question, Reasoning, Role, Status

ASKED = Question("Sure?", ["yes", "no"])
OPEN = OpenQuestion("m1.reply", ASKED)


def message(turn: int, at: int | None = None, **more: str | bool) -> Message:
    """A user's message, accepted at a time that is its turn unless another one is given."""
    asked = Message(f"m{turn}", "?", Role.USER, f"t{at or turn}", turn)
    return msgspec.structs.replace(asked, **more)


def reply(turn: int, *parts: Part, status: Status = Status.COMPLETED, merged: str | None = None) -> Message:
    return Message(
        f"m{turn}.reply",
        "",
        Role.ASSISTANT,
        f"t{turn}.5",
        turn,
        reply_to=f"m{turn}",
        status=status,
        parts=list(parts),
        merged_into=merged,
    )


ASKING = [message(1), reply(1, Reasoning("hm"), ASKED)]


@pytest.mark.parametrize(
    "messages",
    [
        ASKING,
        [*ASKING, message(2, at=1)],  # waited already when the question came
        [*ASKING, message(2, at=1), reply(2)],
        [*ASKING, message(2, at=1, replaces="m0")],  # sent before the question came
        [*ASKING, message(2, answers="m1.reply", withdrawn=True)],
        [*ASKING, message(2, answers="m1.reply", withdrawn=True), reply(2, status=Status.CANCELLED)],
    ],
)
def test_it_is_open_until_somebody_answers(messages: list[Message]) -> None:
    assert Transcript(tuple(messages)).open_question == OPEN


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [message(1), reply(1)],
        [message(1), reply(1, ASKED, status=Status.CANCELLED)],
        [message(1), reply(1, ASKED, Reasoning("and on it went"))],
        [*ASKING, message(2, answers="m1.reply")],
        [*ASKING, message(2, answers="m1.reply"), reply(2)],
        [*ASKING, message(2, answers="m1.reply"), reply(2, status=Status.CANCELLED)],
        [*ASKING, message(2, replaces="m1")],
        [message(0), reply(0), *ASKING, message(2, replaces="m0")],
        [message(1), reply(1, ASKED, merged="m2"), message(2)],
    ],
)
def test_it_is_not_open_once_it_is_answered_or_given_up(messages: list[Message]) -> None:
    assert Transcript(tuple(messages)).open_question is None


def test_of_two_questions_the_last_one_counts() -> None:
    again = Question("And this?")
    messages = [*ASKING, message(2, at=1), reply(2, again)]
    assert Transcript(tuple(messages)).open_question == OpenQuestion("m2.reply", again)
    assert Transcript((*messages, message(3, answers="m2.reply"))).open_question is None
