from __future__ import annotations

import pytest

from unbroken.models.context import Context, Estimate, prompt_size, size
from unbroken.models.trouble import ModelError
from unbroken.turn import Turn
from unbroken.types import Message, Role

A, U = Role.ASSISTANT, Role.USER


def turn(*said: tuple[Role, str], text: str | None = None, partial: str = "") -> Turn:
    messages = [Message(f"m{number}", words, role, "", number) for number, (role, words) in enumerate(said)]
    return Turn(messages[-1].msg if text is None else text, messages=messages, partial=partial)


def contents(context: Context, turn: Turn) -> list[str]:
    return [one["content"] for one in context.fit(turn)]


def test_without_a_limit_everything_is_sent() -> None:
    assert Context(None, None).fit(turn((U, "1"), (A, "2"), (U, "3"))) == [
        {"role": "user", "content": "1"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "3"},
    ]


def test_sides_take_turns() -> None:
    """Some models refuse anything else; a reply that failed before its first word leaves two questions in a row."""
    assert contents(Context(None, None), turn((U, "1"), (A, ""), (U, "2"), (A, "3"), (U, "4"))) == ["1\n\n2", "3", "4"]


def test_messages_that_are_answered_together_are_sent_once() -> None:
    together = turn((U, "0"), (A, "1"), (U, "2"), (U, "3"), text="2\n\n3")
    assert contents(Context(None, None), together) == ["0", "1", "2\n\n3"]
    assert contents(Context(None, None), turn((U, "3"), text="2\n\n3")) == ["2\n\n3"]


def test_the_oldest_messages_are_left_out() -> None:
    long = turn(
        (U, "a" * 88), (A, "b" * 88), (U, "c" * 88), (A, "d" * 88), (U, "e" * 88)
    )  # 100 bytes each, so 33 tokens
    assert contents(Context(None, 167), long) == [letter * 88 for letter in "abcde"]
    assert contents(Context(None, 166), long) == [letter * 88 for letter in "cde"]  # an answer goes with its question
    assert contents(Context(None, 99), long) == ["e" * 88]
    assert contents(Context("s" * 88, 166), long) == [letter * 88 for letter in "cde"]
    assert contents(Context("s" * 88, 132), long) == ["e" * 88]


def test_the_beginning_of_the_answer_counts_too() -> None:
    said = [(U, "a" * 88), (A, "b" * 88), (U, "e" * 88)]
    assert len(contents(Context(None, 100), turn(*said))) == 3
    assert len(contents(Context(None, 100), turn(*said, partial="p"))) == 1
    assert len(contents(Context(None, 100), turn(*said, partial="p" * 1000))) == 1


@pytest.mark.parametrize("system", [None, "s" * 88])
def test_a_message_that_is_too_long_alone(system: str | None) -> None:
    assert contents(Context(system, 67), turn((A, "a"), (U, "e" * 88))) == ["e" * 88]
    with pytest.raises(ModelError) as caught:
        Context(system, 33 if system is None else 66).fit(turn((U, "a"), (U, "é" * 45)))  # bytes, not characters
    assert caught.value.code == "message_too_long"
    assert "too long" in caught.value.public


def test_the_estimate_follows_what_the_server_says() -> None:
    estimate = Estimate()
    assert estimate.tokens(300) == pytest.approx(100)
    for _ in range(30):
        estimate.learn(10_000, 2_000)
        estimate.learn(20, 15)  # of a short prompt most is the model's own
    assert estimate.tokens(300) == pytest.approx(60, rel=0.02)
    estimate.learn(100, None)
    estimate.learn(0, 10)
    assert estimate.tokens(300) == pytest.approx(60, rel=0.02)


def test_half_a_character_has_a_size() -> None:
    assert size("\ud83d") == size("?")
    assert prompt_size("ab", [{"role": "user", "content": "é"}]) == size("ab") + size("é")
