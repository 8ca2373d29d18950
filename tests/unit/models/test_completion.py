from __future__ import annotations

import json
from typing import Any

import pytest

from unbroken.models.completion import Completion
from unbroken.models.trouble import ModelError
from unbroken.types import Piece, Reasoning


def event(delta: dict[str, Any] | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta or {}, **more}
    return b"data: " + json.dumps({"id": "c", "choices": [choice]}).encode() + b"\n\n"


def read(raw: bytes, size: int = 10_000) -> list[Piece]:
    """All pieces, behind which the trouble is raised, if there is any."""
    completion = Completion()
    found = []
    for start in range(0, len(raw), size):
        found += completion.feed(raw[start : start + size])
    found += completion.close() if completion.trouble is None else []
    if completion.trouble is not None:
        raise completion.trouble
    return found


def test_text_comes_piece_by_piece_and_bookkeeping_is_skipped() -> None:
    raw = (
        event({"role": "assistant", "content": ""})
        + event({"content": "Hel"})
        + event({"content": "lo"})
        + event({}, finish_reason="stop")
        + b'data: {"choices":[],"usage":{"total_tokens":3}}\n\ndata: [DONE]\n\n'
    )
    assert read(raw) == ["Hel", "lo"]


def test_text_in_utf_8_survives_every_cut() -> None:
    word = "größe 🌊 日本"
    raw = b"data: " + json.dumps({"choices": [{"delta": {"content": word}}]}, ensure_ascii=False).encode() + b"\n\n"
    assert read(raw + b"data: [DONE]\n\n", size=1) == [word]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_becomes_parts(name: str) -> None:
    raw = event({name: "Hm"}) + event({name: "m", "content": "So"}) + event({}, finish_reason="stop")
    assert read(raw) == [Reasoning("Hm"), Reasoning("m"), "So"]


def test_a_refusal_is_text() -> None:
    assert read(event({"refusal": "No."}, finish_reason="stop")) == ["No."]


def test_half_a_character_costs_only_itself() -> None:
    escaped = b'data: {"choices":[{"delta":{"content":"a\\ud83db"}}]}\n\n'
    raw = b'data: {"choices":[{"delta":{"content":"c\xf0\x9fd"}}]}\n\n'
    assert read(escaped + raw + b"data: [DONE]\n\n") == ["a\ud83db", "c\ufffdd"]


@pytest.mark.parametrize("ending", [b"data: [DONE]\n\n", event({}, finish_reason="length")])
def test_a_stream_is_whole_with_either_ending(ending: bytes) -> None:
    assert read(event({"content": "a"}) + ending) == ["a"]


def test_a_stream_without_an_ending_was_cut() -> None:
    with pytest.raises(ModelError) as caught:
        read(event({"content": "a"}))
    assert caught.value.code == "model_cut"


@pytest.mark.parametrize(
    ("error", "code", "passing"),
    [
        ({"message": "slow down", "code": 429}, "model_busy", True),
        ({"message": "slow down", "code": "429"}, "model_busy", True),
        ({"message": "too long", "code": 400}, "model_refused", False),
        ({"message": "overloaded", "type": "server_error", "code": None}, "model_unavailable", True),
        ("something", "model_unavailable", True),
    ],
)
def test_an_error_in_the_stream(error: object, code: str, passing: bool) -> None:
    with pytest.raises(ModelError) as caught:
        read(event({"content": "a"}) + b"data: " + json.dumps({"error": error}).encode() + b"\n\n")
    assert (caught.value.code, caught.value.passing) == (code, passing)


@pytest.mark.parametrize("ending", [b'{"error":{"message":"overloaded","code":503}}', b"<html>"])
def test_text_that_came_together_with_an_error_is_not_lost(ending: bytes) -> None:
    completion = Completion()
    assert completion.feed(event({"content": "a"}) + event({"content": "b"}) + b"data: " + ending + b"\n\n") == [
        "a",
        "b",
    ]
    assert completion.trouble is not None


def test_what_the_answer_took() -> None:
    completion = Completion()
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\ndata: [DONE]\n\n'
    completion.feed(event({"content": "a"}, finish_reason="stop") + usage)
    assert completion.usage == {"prompt_tokens": 3, "completion_tokens": 2}


def test_a_filtered_answer_failed() -> None:
    with pytest.raises(ModelError) as caught:
        read(event({}, finish_reason="content_filter"))
    assert caught.value.code == "model_filtered"


@pytest.mark.parametrize(
    "data",
    [b"<html>", b"[1]", b'{"choices": 3}', b'{"choices":[{"delta":{"content":{}}}]}', b"[" * 100_000],
)
def test_garbage_is_named(data: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        read(b"data: " + data + b"\n\n")
    assert caught.value.code == "model_garbled"


def test_an_answer_that_was_not_streamed() -> None:
    completion = Completion()
    body = b'{"choices":[{"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}'
    assert completion.whole(body) == ["Hi"]
