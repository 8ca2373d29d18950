"""What an agent behind AG-UI asks, and what it is answered."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken.models.interrupts import Interrupt, Kept, answered
from unbroken.turn import Journal, Turn
from unbroken.types import Piece, Reasoning, ToolCall, ToolResult

APPROVAL = {"type": "object", "properties": {"approved": {"type": "boolean"}}}


@pytest.mark.parametrize(
    ("reason", "schema", "said", "payload"),
    [
        ("tool_call", None, "approve", {"approved": True}),
        ("tool_call", None, "well", {"approved": False}),
        ("a:b", APPROVAL, "Deny", {"approved": False}),
        ("a:b", {"properties": {**APPROVAL["properties"], "reason": {}}}, "no!", {"approved": False, "reason": "no!"}),  # type: ignore[dict-item]
        ("confirmation", None, "yes", True),
        ("a:b", {"type": "boolean"}, "who knows", False),
        ("a:b", {"enum": [1, 2]}, "2", 2),
        ("a:b", {"type": "string"}, "12", "12"),
        ("a:b", None, "12", "12"),
        ("input_required", {"type": "object", "properties": {"name": {"type": "string"}}}, "Ann", {"name": "Ann"}),
        ("input_required", {"type": "object", "properties": {"a": {}, "b": {}}}, '{"a": 1}', {"a": 1}),
        ("input_required", {"type": "number"}, "12", 12),
        ("input_required", {"type": "number"}, "twelve", "twelve"),
    ],
)
async def test_an_answer_has_the_form_that_the_agent_wants(
    reason: str, schema: dict[str, Any] | None, said: str, payload: object
) -> None:
    turn = Turn("?", journal=Journal(answers=[said]))
    entry = await answered(Interrupt("i1", reason, "So?", schema), turn)
    assert entry == {"interruptId": "i1", "status": "resolved", "payload": payload}


def test_what_was_said_is_kept_as_messages() -> None:
    heard: list[Piece] = [
        Reasoning("Hm."),
        "Let me ",
        "look.",
        ToolCall("c1", "sky", {"city": "Rome"}),
        ToolCall("c2", "delete", "not JSON"),
        ToolResult("c1", {"sky": "blue"}),
        "And now?",
    ]
    kept = Kept().followed(heard, [Interrupt("i1")], None)
    first, result, second = kept.messages
    assert (first["role"], first["content"]) == ("assistant", "Let me look.")
    assert [call["function"] for call in first["toolCalls"]] == [
        {"name": "sky", "arguments": '{"city":"Rome"}'},
        {"name": "delete", "arguments": "not JSON"},
    ]
    assert (result["role"], result["toolCallId"], result["content"]) == ("tool", "c1", '{"sky":"blue"}')
    assert second["content"] == "And now?"
    assert kept.open_calls == {"c2": ToolCall("c2", "delete", "not JSON")}
    assert kept.state == {}
    again = kept.followed([ToolCall("c2", "delete", "not JSON"), ToolResult("c2", "done")], [], {"done": 1})
    assert (again.open_calls, again.state, len(again.messages)) == ({}, {"done": 1}, 4)
