"""What a terminal shows of a reply beside its text."""

from __future__ import annotations

import pytest

from unbroken.terminal.parts import SHORT, above, below, chosen
from unbroken.types import Data, File, Part, Question, Reasoning, Source, ToolCall, ToolResult

REPLY: list[Part] = [
    Reasoning("Let me\n"),
    Reasoning("look."),
    ToolCall("1", "search", {"q": "logs"}),
    ToolCall("2", "clock"),
    Source("https://example.com", "Logs"),
    ToolResult("2", "noon"),
    ToolResult("1", ["x" * 300]),
    ToolResult("3", 5),
    File("https://example.com/a%20plot.png", media_type="image/png", size=12_300),
    File("https://example.com/", "index"),
    Data("state", {"step": 1}),
    Data("usage", {"input_tokens": 12, "output_tokens": 3}),
    Data("state", {"step": 2}),
    Question("Which?", ["this one", "that one"]),
]


def test_above_stands_how_it_came_about() -> None:
    lines = [line.plain for line in above(REPLY)]
    assert lines[:4] == ["  Let me\n  look.", '  → search {"q":"logs"}', "  → clock", "  ← clock noon"]
    assert lines[4].startswith('  ← search ["xxx')
    assert lines[4].endswith("x…")
    assert len(lines[4]) == len("  ← search ") + SHORT
    assert lines[5:] == ["  ← 3 5"]


def test_below_stands_what_belongs_to_it() -> None:
    assert [line.plain for line in below(REPLY)] == [
        "  a plot.png (image/png, 12.3 kB) https://example.com/a%20plot.png",
        "  index https://example.com/",
        "  Logs https://example.com",
        "  1 this one",
        "  2 that one",
        '  state {"step":2} (the last of 2)',
        "  12 tokens in, 3 out",
    ]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("1", "yes"),
        (" 2 ", "no"),
        ("3", "0"),
        ("0", "0"),
        ("4", "4"),
        ("No, never", "No, never"),
        ("²", "²"),
        ("1st", "1st"),
    ],
)
def test_a_number_stands_for_a_choice(typed: str, meant: str) -> None:
    assert chosen(["yes", "no", "0"], typed) == meant


def test_a_choice_that_is_a_number_stands_for_itself() -> None:
    assert [chosen(["2", "1"], typed) for typed in ("1", "2")] == ["1", "2"]
