from __future__ import annotations

import math
from typing import Any

import pytest

from unbroken.claim import Outcome
from unbroken.types import Data, Piece, Reasoning, Source, Status, ToolCall, ToolResult
from unbroken.worker import pieces


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("plain", "plain"),
        ("größe 🌊", "größe 🌊"),
        ("a\ud83db", "a\ufffdb"),
        ("\ude0a", "\ufffd"),
        ("end\ud83d", "end\ufffd"),
        ("\ud83d\ude0a", "\U0001f60a"),
        ("\ud83d\ud83d\ude0a", "\ufffd\U0001f60a"),
        ("nul\0", "nul\0"),
    ],
)
def test_half_characters_are_replaced_and_whole_ones_stay(raw: str, clean: str) -> None:
    assert pieces.text(raw) == (clean, len(clean.encode()))


class Odd:
    def __str__(self) -> str:
        return "odd \ud83d"


class Broken:
    def __str__(self) -> str:
        raise ZeroDivisionError


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (Source("https://x", "t"), Source("https://x", "t")),
        (ToolCall("1", "add", {"a": (1, 2)}), ToolCall("1", "add", {"a": [1, 2]})),
        (Data("d", math.nan), Data("d", None)),
        (Data("d", Odd()), Data("d", "odd \ufffd")),
        (Data("d", Broken()), Data("d", "<Broken without a description: ZeroDivisionError>")),
        (Data("d", "\ud83d"), Data("d", "\ufffd")),
        (ToolResult("1", {"x": object}), ToolResult("1", "{'x': <class 'object'>}")),
        (Reasoning("a\ud83d"), Reasoning("a\ufffd")),
    ],
)
def test_parts_become_plain_json(raw: Any, clean: Any) -> None:
    assert pieces.part(raw)[0] == clean


def test_a_value_too_deep_to_encode_is_described() -> None:
    found, _ = pieces.part(Data("d", deep(100_000)))
    assert isinstance(found, Data)
    assert isinstance(found.value, str)


def test_a_part_is_not_changed_by_what_the_bot_does_later() -> None:
    value = {"a": 1}
    found, size = pieces.part(Data("d", value))
    value["a"] = 2
    assert found == Data("d", {"a": 1})
    assert size > 10


def test_only_alike_pieces_follow_each_other() -> None:
    assert pieces.follow("a", "b")
    assert pieces.follow(Reasoning("a"), Reasoning("b"))
    assert not pieces.follow("a", Reasoning("b"))
    assert not pieces.follow(Source("a"), Source("b"))


@pytest.mark.parametrize(
    ("several", "one"),
    [
        (["a"], "a"),
        (["a", "b"], "ab"),
        ([Reasoning("a"), Reasoning("b")], Reasoning("ab")),
        ([Source("a")], Source("a")),
    ],
)
def test_merged(several: list[Piece], one: Piece) -> None:
    assert pieces.merged(several) == one


def test_outcomes_become_plainer() -> None:
    outcome = Outcome(Status.COMPLETED, "a\ud83d", parts=[Data("d", deep(3))])
    first, second, third, last = pieces.versions(outcome)
    assert first is outcome
    assert (second.status, second.text, second.parts) == (Status.COMPLETED, "a\ufffd", [Data("d", "[[[[]]]]")])
    assert third.error is not None
    assert (third.status, third.text, third.error.code) == (Status.FAILED, "a\ufffd", "unstorable_reply")
    assert last.text == ""
