from __future__ import annotations

import pytest

from unbroken.models.titling import LONGEST, name, question
from unbroken.types import Message, Role


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("The width of the sea", "The width of the sea"),
        ('"The width\tof the sea."\n', "The width of the sea"),
        ("**Title: The sea**", "The sea"),
        ("<think>They ask\nfor a name.</think>\n\nThe sea", "The sea"),
        ("\n The sea\n\nBecause it is wide.", "The sea"),
        ("Wo endet das Meer?", "Wo endet das Meer?"),
        ("„Das Meer“", "Das Meer"),
        ("", None),
        ("<think>Hm.</think>", None),
        ("...", None),
    ],
)
def test_the_name_in_an_answer(answer: str, found: str | None) -> None:
    assert name(answer) == found


def test_a_name_is_not_long() -> None:
    found = name("word " * 50)
    assert found is not None
    assert LONGEST - 5 < len(found) <= LONGEST
    assert name("x" * 500) == "x" * LONGEST


def test_the_question_holds_the_beginning_of_the_conversation() -> None:
    messages = [Message("m", "Is it?", Role.USER, "", 1), Message("m.reply", "It is. " * 1000, Role.ASSISTANT, "", 1)]
    [asked] = question(messages)
    assert "User: Is it?\n\nAssistant: It is. It is." in asked["content"]
    assert len(asked["content"]) < 3000
