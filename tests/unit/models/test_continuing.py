from __future__ import annotations

from typing import Any

import pytest

from unbroken.models.continuing import Rest, Way, answered, go_on, reasoned, way_at
from unbroken.models.openai import OpenAI
from unbroken.turn import Turn
from unbroken.types import Data, Part, Piece, Reasoning

URL = "http://localhost:8000/v1"


def asked(way: Way, url: str = URL, reasoning: str = "") -> tuple[list[Any], dict[str, Any]]:
    said: list[Any] = []
    return said, go_on(way, url, said, "One, ", reasoning)


def rest(*pieces: Piece, behind_text: bool = True) -> list[Piece]:
    rest = Rest(behind_text=behind_text)
    found = list(rest.take(pieces))
    return [*found, rest.end()] if rest.end() else found


def test_the_ways() -> None:
    beginning = {"role": "assistant", "content": "One, "}
    assert asked(Way.VLLM) == ([beginning], {"continue_final_message": True, "add_generation_prompt": False})
    assert asked(Way.PREFILL) == ([beginning], {})
    said, more = asked(Way.ASK, reasoning="Hm.")
    assert (said[0], said[1]["role"], len(said), more) == (beginning, "user", 2, {})


def test_some_hosts_want_a_mark() -> None:
    assert asked(Way.PREFILL, "https://api.deepseek.com/beta")[0][0]["prefix"] is True
    assert "prefix" not in asked(Way.PREFILL, "https://notdeepseek.com")[0][0]


@pytest.mark.parametrize(
    ("url", "way"),
    [
        ("https://api.deepseek.com/beta", Way.PREFILL),
        ("https://api.deepseek.com", None),
        ("https://api.openai.com/v1", Way.ASK),
        (URL, None),
    ],
)
def test_what_an_address_tells(url: str, way: Way | None) -> None:
    assert way_at(url) is way
    assert OpenAI(url).continues is (way is Way.PREFILL)
    assert OpenAI(url, continues="vllm").continues
    assert not OpenAI(url, continues="no").continues


def test_the_reasoning_before_a_text_goes_with_it() -> None:
    assert asked(Way.PREFILL, reasoning="Hm.")[0][0]["reasoning_content"] == "Hm."
    assert asked(Way.VLLM, reasoning="Hm.")[0][0]["reasoning"] == "Hm."


def test_reasoning_is_not_shown_once_more() -> None:
    assert rest(Reasoning("Hm."), "two", Reasoning("Hm?"), ", three") == ["two", ", three"]


def test_a_text_that_the_server_takes_for_reasoning_is_the_text() -> None:
    assert rest(Reasoning("two, "), Reasoning("three")) == ["two, three"]
    assert rest(Reasoning("two"), behind_text=False) == []


def test_what_a_turn_tells() -> None:
    parts: list[Part] = [Reasoning("Hm, "), Data("x"), Reasoning("hm.")]
    assert reasoned(Turn("", parts=parts)) == "Hm, hm."
    assert not answered(Turn("", parts=parts))
    assert answered(Turn("", parts=[*parts, Data("usage", {})]))
