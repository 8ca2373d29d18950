from __future__ import annotations

import json
from typing import Any

import pytest

from unbroken.models.response_stream import ResponseStream
from unbroken.models.trouble import ModelError
from unbroken.types import Piece, Reasoning


def event(kind: str, **more: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


def response(status: str, **more: Any) -> bytes:
    return event(f"response.{status}", response={"id": "r1", "status": status, **more})


def text(delta: str, item: str = "m1", kind: str = "output_text") -> bytes:
    return event(f"response.{kind}.delta", delta=delta, item_id=item)


def thought(delta: str, summary: int = 0) -> bytes:
    return event("response.reasoning_summary_text.delta", delta=delta, item_id="rs1", summary_index=summary)


def read(raw: bytes, size: int = 10_000) -> list[Piece]:
    stream = ResponseStream()
    found = []
    for start in range(0, len(raw), size):
        found += stream.feed(raw[start : start + size])
    found += stream.close() if stream.trouble is None else []
    if stream.trouble is not None:
        raise stream.trouble
    return found


CREATED = event("response.created", sequence_number=0, response={"id": "r1", "status": "queued", "background": True})
DONE = response("completed", usage={"input_tokens": 3, "output_tokens": 2})


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_text_and_reasoning_come_piece_by_piece(size: int) -> None:
    raw = (
        CREATED
        + thought("Hm")
        + thought(".", 0)
        + event("response.output_item.added", item={"type": "message"}, sequence_number=9)
        + event("response.function_call_arguments.delta", delta={"not": "text"})
        + text("größe")
        + event("response.output_text.done", text="größe")
        + DONE
    )
    assert read(raw, size) == [Reasoning("Hm"), Reasoning("."), "größe"]


def test_parts_and_messages_are_set_apart() -> None:
    raw = thought("a") + thought("b", 1) + thought("c", 1) + text("1") + text("2", "m2") + text("3", "m2") + DONE
    assert read(raw) == [Reasoning("a"), Reasoning("\n\nb"), Reasoning("c"), "1", "\n\n2", "3"]


def test_a_refusal_is_text_and_open_reasoning_is_reasoning() -> None:
    raw = event("response.reasoning_text.delta", delta="Hm", item_id="x") + text("No.", kind="refusal") + DONE
    assert read(raw) == [Reasoning("Hm"), "No."]


def test_what_is_known_of_it() -> None:
    stream = ResponseStream()
    stream.feed(
        CREATED + event("response.in_progress", sequence_number=1, response={"id": "r1", "status": "in_progress"})
    )
    assert (stream.id, stream.background, stream.first, stream.last, stream.over) == ("r1", True, 0, 1, False)
    stream.feed(DONE)
    assert (stream.over, stream.usage) == (True, {"input_tokens": 3, "output_tokens": 2})


def test_it_goes_on_with_another_connection() -> None:
    stream = ResponseStream()
    assert stream.feed(text("1") + text("lost")[:-5]) == ["1"]
    stream.close()
    stream.reconnect()
    assert stream.feed(text("2", "m2") + DONE) == ["\n\n2"]
    assert stream.close() == []
    assert (stream.trouble, stream.over) == (None, True)


@pytest.mark.parametrize(
    ("raw", "code", "passing"),
    [
        (text("a"), "model_cut", True),
        (response("failed", error={"code": "server_error", "message": "oh"}), "model_unavailable", True),
        (response("failed", error={"code": "rate_limit_exceeded", "message": "oh"}), "model_busy", True),
        (response("failed", error={"code": "invalid_prompt", "message": "oh"}), "model_refused", False),
        (response("cancelled"), "model_cut", False),
        (response("incomplete", incomplete_details={"reason": "content_filter"}), "model_filtered", False),
        (event("error", code="insufficient_quota", message="oh"), "model_credit", False),
        (event("error", error={"code": "server_error", "message": "oh"}), "model_unavailable", True),
        (b"data: <html>\n\n", "model_garbled", False),
    ],
)
def test_what_goes_wrong(raw: bytes, code: str, passing: bool) -> None:
    with pytest.raises(ModelError) as caught:
        read(CREATED + raw)
    assert (caught.value.code, caught.value.passing) == (code, passing)


def test_text_that_came_together_with_an_error_is_not_lost() -> None:
    stream = ResponseStream()
    assert stream.feed(text("a") + response("failed", error={"code": "server_error"})) == ["a"]
    assert stream.trouble is not None


def test_an_answer_that_became_as_long_as_it_may_be_is_whole() -> None:
    assert read(text("a") + response("incomplete", incomplete_details={"reason": "max_output_tokens"})) == ["a"]


def test_a_response_that_is_no_stream_says_the_same() -> None:
    output = [
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
        },
        {"type": "web_search_call", "action": {"query": "x"}},
        {"type": "message", "content": [{"type": "output_text", "text": "1"}, {"type": "output_text", "text": "2"}]},
        {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]},
    ]
    stream = ResponseStream()
    pieces = stream.whole(json.dumps({"id": "r1", "status": "completed", "output": output}).encode())
    assert pieces == [Reasoning("a"), Reasoning("\n\nb"), "12", "\n\nNo."]
    assert stream.over
    waiting = ResponseStream()
    assert waiting.whole(b'{"id":"r1","status":"queued","background":true}') == []
    assert (waiting.over, waiting.trouble, waiting.background) == (False, None, True)
