from __future__ import annotations

from typing import Any

import pytest

from unbroken.models.request import Request, Wishes
from unbroken.models.trouble import from_answer

URL = "http://localhost:8000/v1"


def refusal(message: str) -> Any:
    return from_answer(400, b'{"error":{"message":"' + message.encode() + b'"}}')


def limits(request: Request) -> dict[str, Any]:
    return {name: value for name, value in request.chat("m", []).items() if "max" in name}


def test_what_is_not_wanted_is_not_said() -> None:
    assert Request(URL, Wishes()).chat("m", []).keys() == {"model", "messages", "stream", "stream_options"}
    assert "instructions" not in Request(URL, Wishes()).response("m", [], None)


def test_what_is_wanted_is_said() -> None:
    request = Request(URL, Wishes(0.0, 100))
    assert request.chat("m", [], extra=True).items() >= {"temperature": 0.0, "max_tokens": 100, "extra": True}.items()
    said = request.response("m", ["hi"], "Be kind.", said=40.2)
    assert said.items() >= {"instructions": "Be kind.", "temperature": 0.0, "max_output_tokens": 60}.items()
    assert request.chat("m", [], said=1000)["max_tokens"] == 1


@pytest.mark.parametrize(
    ("url", "first", "then"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens", "max_tokens"),
        (URL, "max_tokens", "max_completion_tokens"),
    ],
)
def test_the_limit_has_the_name_that_the_server_takes(url: str, first: str, then: str) -> None:
    request = Request(url, Wishes(max_tokens=9))
    assert limits(request) == {first: 9}
    trouble = refusal(f"Unsupported parameter: '{first}' is not supported with this model. Use '{then}' instead.")
    assert request.learn(trouble)
    assert limits(request) == {then: 9}
    assert not request.learn(trouble)  # it was not sent


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("[{'type': 'extra_forbidden', 'loc': ('body', 'stream_options')}]", "stream_options"),
        ("Unsupported value: 'temperature' does not support 0.5 with this model.", "temperature"),
    ],
)
def test_what_is_refused_by_name_is_not_said_again(message: str, field: str) -> None:
    request = Request(URL, Wishes(temperature=0.5))
    assert field in request.chat("m", [])
    assert request.learn(refusal(message))
    assert field not in request.chat("m", [])
    assert not request.learn(refusal(message))


def test_a_server_that_keeps_no_responses() -> None:
    request = Request(URL, Wishes())
    assert request.response("m", [], None).keys() >= {"background", "store"}
    assert request.learn(refusal("This engine does not support `store=True` and therefore no background mode."))
    assert not request.response("m", [], None).keys() & {"background", "store"}


def test_nothing_is_learned_from_anything_else() -> None:
    request = Request(URL, Wishes(max_tokens=9))
    assert not request.learn(refusal("the conversation is too long"))
    assert not request.learn(from_answer(500, b"stream_options"))
