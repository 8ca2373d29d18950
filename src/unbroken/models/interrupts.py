"""Interrupts of AG-UI: how a run asks, what is kept until it is answered, and what the run that resumes it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from unbroken.turn import Turn
from unbroken.types import Piece, ToolCall, ToolResult

_APPROVE, _DENY = "Approve", "Deny"


class Interrupt(msgspec.Struct, rename="camel", omit_defaults=True):
    """What an agent asks.

    Attributes:
        reason: `tool_call`, `input_required`, `confirmation`, or one of the agent's own.
        message: the question.
        response_schema: JSON Schema of the answer.
    """

    id: str
    reason: str = ""
    message: str | None = None
    response_schema: dict[str, Any] | None = None


class Kept(msgspec.Struct, omit_defaults=True):
    """An interrupted run, until its interrupts are answered.

    Attributes:
        messages: those of the run, and of the runs that it resumed, behind the conversation, as AG-UI has them.
        state: the agent's.
    """

    interrupts: list[Interrupt] = []
    messages: list[dict[str, Any]] = []
    state: Any = {}

    @property
    def open_calls(self) -> dict[str, ToolCall]:
        """The calls that have no result yet, by their ids."""
        ended = {message.get("toolCallId") for message in self.messages}
        calls = [call for message in self.messages for call in message.get("toolCalls", ())]
        return {
            call["id"]: ToolCall(call["id"], call["function"]["name"], _json(call["function"]["arguments"]))
            for call in calls
            if call["id"] not in ended
        }

    def followed(self, heard: Sequence[Piece], interrupts: list[Interrupt], state: Any) -> Kept:
        """The same with what another run said before it was interrupted."""
        messages, told = list(self.messages), self.open_calls
        for piece in heard:
            if isinstance(piece, ToolCall) and piece.id in told:
                continue
            if isinstance(piece, ToolResult):
                messages.append(
                    {"id": f"result.{piece.id}", "role": "tool", "toolCallId": piece.id, "content": _text(piece.result)}
                )
            elif isinstance(piece, (str, ToolCall)):
                if len(messages) == len(self.messages) or messages[-1]["role"] == "tool":
                    messages.append({"id": f"said.{len(messages)}", "role": "assistant", "content": ""})
                if isinstance(piece, str):
                    messages[-1]["content"] += piece
                else:
                    function = {"name": piece.name, "arguments": _text(piece.arguments)}
                    calls = messages[-1].setdefault("toolCalls", [])
                    calls.append({"id": piece.id, "type": "function", "function": function})
        return Kept(interrupts, messages, self.state if state is None else state)


async def answered(interrupt: Interrupt, turn: Turn) -> dict[str, Any]:
    """Asks the reader, and returns the entry of `resume` that answers the interrupt."""
    schema = interrupt.response_schema or {}
    properties = schema.get("properties", {})
    approval = "approved" in properties or (not schema and interrupt.reason == "tool_call")
    yes_or_no = schema.get("type") == "boolean" or (not schema and interrupt.reason == "confirmation")
    choices = {str(one): one for one in schema.get("enum", ())}
    options = [_APPROVE, _DENY] if approval else ["Yes", "No"] if yes_or_no else list(choices)
    answer = await turn.ask(interrupt.message or interrupt.reason or "May I go on?", options)
    payload: Any = choices.get(answer, answer)
    if approval:
        payload = {"approved": answer == _APPROVE}
        if "reason" in properties and answer not in options:
            payload["reason"] = answer
    elif yes_or_no:
        payload = answer == "Yes"
    elif schema.get("type") not in (None, "string") and not choices:
        [only] = properties if len(properties) == 1 else [None]
        text = only is not None and properties[only].get("type") == "string"
        payload = {only: answer} if text else _json(answer)
    return {"interruptId": interrupt.id, "status": "resolved", "payload": payload}


def _text(value: Any) -> str:
    """A value as JSON; a text as it is."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _json(text: str) -> Any:
    """What a text means as JSON; itself if it is none."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return text
