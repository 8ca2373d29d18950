"""Runs of AG-UI agents, byte by byte; the events are those of the protocol's own package."""

from __future__ import annotations

from typing import Any

import pytest
from ag_ui.core import (
    BaseEvent,
    CustomEvent,
    ReasoningMessageChunkEvent,
    ReasoningMessageContentEvent,
    ReasoningMessageStartEvent,
    RunErrorEvent,
    RunFinishedEvent,
    RunStartedEvent,
    StateDeltaEvent,
    StateSnapshotEvent,
    StepStartedEvent,
    TextMessageChunkEvent,
    TextMessageContentEvent,
    TextMessageEndEvent,
    TextMessageStartEvent,
    ToolCallArgsEvent,
    ToolCallChunkEvent,
    ToolCallEndEvent,
    ToolCallResultEvent,
    ToolCallStartEvent,
)
from ag_ui.core.events import TokenUsage
from ag_ui.encoder import EventEncoder

from unbroken.config import Settings
from unbroken.errors import BotError, ConfigurationError
from unbroken.models.ag_ui import Run, agent
from unbroken.models.base import load_bot
from unbroken.models.trouble import ModelError
from unbroken.turn import Turn
from unbroken.types import Data, Piece, Reasoning, ToolCall, ToolResult

STARTED = RunStartedEvent(thread_id="t", run_id="r")
FINISHED = RunFinishedEvent(thread_id="t", run_id="r")


def text(message: str, *deltas: str) -> list[BaseEvent]:
    return [
        TextMessageStartEvent(message_id=message, role="assistant"),
        *(TextMessageContentEvent(message_id=message, delta=delta) for delta in deltas),
        TextMessageEndEvent(message_id=message),
    ]


def encoded(*events: BaseEvent) -> bytes:
    return "".join(EventEncoder().encode(event) for event in events).encode()


def read(*events: BaseEvent, size: int = 1_000_000, found: list[Piece] | None = None) -> list[Piece]:
    raw = encoded(*events)
    run = Run(Turn(""))
    pieces = [] if found is None else found
    for start in range(0, len(raw), size):
        pieces.extend(run.feed(raw[start : start + size]))
    pieces.extend(run.close())
    return pieces


WHOLE = [
    STARTED,
    StepStartedEvent(step_name="one"),
    ReasoningMessageStartEvent(message_id="r1"),
    ReasoningMessageContentEvent(message_id="r1", delta="Róme."),
    *text("m1", "Let me ", "", "look."),
    ToolCallStartEvent(tool_call_id="c1", tool_call_name="sky", parent_message_id="m1"),
    ToolCallArgsEvent(tool_call_id="c1", delta='{"city": '),
    ToolCallArgsEvent(tool_call_id="c1", delta='"Róme"}'),
    ToolCallEndEvent(tool_call_id="c1"),
    ToolCallResultEvent(message_id="m2", tool_call_id="c1", content="blue"),
    StateSnapshotEvent(snapshot={"cities": 1}),
    StateDeltaEvent.model_validate({"delta": [{"op": "replace", "path": "/cities", "value": 2}]}),
    CustomEvent(name="mood", value="fine"),
    *text("m3", "It is ", "blüe."),
    RunFinishedEvent(
        thread_id="t",
        run_id="r",
        usage=[TokenUsage(input_tokens=1, output_tokens=2), TokenUsage(input_tokens=10, output_tokens=20)],
    ),
]
SHOWN = [
    Reasoning("Róme."),
    "Let me ",
    "look.",
    ToolCall("c1", "sky", {"city": "Róme"}),
    ToolResult("c1", "blue"),
    Data("state", {"cities": 1}),
    Data("state_delta", [{"op": "replace", "path": "/cities", "value": 2}]),
    Data("mood", "fine"),
    "\n\nIt is ",
    "blüe.",
    Data("usage", {"input_tokens": 11, "output_tokens": 22}),
]


@pytest.mark.parametrize("size", [1, 2, 7, 100, 1_000_000])
def test_everything_that_an_agent_does_is_shown(size: int) -> None:
    assert read(*WHOLE, size=size) == SHOWN


def test_what_is_sent_in_chunks() -> None:
    found = read(
        ReasoningMessageChunkEvent(message_id="r1", delta="Hm."),
        TextMessageChunkEvent(message_id="m1", role="assistant", delta="Let me "),
        TextMessageChunkEvent(delta="look."),
        ToolCallChunkEvent(tool_call_id="c1", tool_call_name="sky", delta="{"),
        ToolCallChunkEvent(delta="}"),
        ToolCallChunkEvent(tool_call_id="c2", tool_call_name="sea", delta="[1]"),
        ToolCallResultEvent(message_id="m2", tool_call_id="c2", content="wet"),
        FINISHED,
    )
    assert found == [
        Reasoning("Hm."),
        "Let me ",
        "look.",
        ToolCall("c1", "sky", {}),
        ToolCall("c2", "sea", [1]),
        ToolResult("c2", "wet"),
    ]


def test_calls_that_are_written_at_the_same_time() -> None:
    found = read(
        ToolCallStartEvent(tool_call_id="a", tool_call_name="one"),
        ToolCallStartEvent(tool_call_id="b", tool_call_name="two"),
        ToolCallArgsEvent(tool_call_id="a", delta="[1"),
        ToolCallArgsEvent(tool_call_id="b", delta="[2"),
        ToolCallArgsEvent(tool_call_id="a", delta="]"),
        ToolCallEndEvent(tool_call_id="a"),
        ToolCallArgsEvent(tool_call_id="b", delta="]"),
        FINISHED,
    )
    assert found == [ToolCall("a", "one", [1]), ToolCall("b", "two", [2])]


def test_arguments_that_are_no_json_are_shown_as_they_are() -> None:
    begin = ToolCallStartEvent(tool_call_id="a", tool_call_name="one")
    assert read(begin, ToolCallArgsEvent(tool_call_id="a", delta="{oops"), FINISHED) == [ToolCall("a", "one", "{oops")]
    assert read(begin, FINISHED) == [ToolCall("a", "one", {})]


def test_messages_of_others_are_not_shown() -> None:
    others = [
        TextMessageStartEvent(message_id="u", role="user"),
        TextMessageContentEvent(message_id="u", delta="I said this."),
        TextMessageChunkEvent(message_id="s", role="system", delta="Be kind."),
    ]
    assert read(*others, *text("m", "Hello."), FINISHED) == ["Hello."]


def test_agents_that_are_older_than_the_protocol() -> None:
    run = Run(Turn(""))
    thinking = b'data: {"type":"THINKING_TEXT_MESSAGE_CONTENT","delta":"Hm."}\n\n'
    assert list(run.feed(thinking + b'data: {"type":"NEWER_THAN_WE_ARE","delta":7}\n\n')) == [Reasoning("Hm.")]


def test_a_run_that_failed_keeps_what_was_said() -> None:
    found: list[Piece] = []
    with pytest.raises(BotError) as caught:
        read(*text("m", "I be"), RunErrorEvent(message="the key sk-123 is wrong", code="auth"), found=found)
    assert found == ["I be"]
    assert "sk-123" in str(caught.value)
    assert "sk-123" not in caught.value.public
    assert caught.value.code == "agent_error"


def test_a_stream_that_ends_before_its_run() -> None:
    found: list[Piece] = []
    with pytest.raises(ModelError) as caught:
        read(STARTED, *text("m", "I be"), found=found)
    assert (caught.value.code, found) == ("model_cut", ["I be"])


def test_the_last_blank_line_may_be_missing() -> None:
    run = Run(Turn(""))
    assert list(run.feed(encoded(*text("m", "Hi."), FINISHED).rstrip())) == ["Hi."]
    assert list(run.close()) == []


@pytest.mark.parametrize(
    "raw", [b"data: <html>\n\n", b'data: {"delta": "x"}\n\n', b'data: {"type": "\xff"}\n\n', b"x" * 2_000_000]
)
def test_what_is_not_ag_ui(raw: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        list(Run(Turn("")).feed(raw))
    assert caught.value.code == "model_garbled"


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/agent", "http://", "mybot:agent", ""])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ConfigurationError, match="http://"):
        agent(url)
    with pytest.raises(ConfigurationError, match="http://"):
        load(f"ag-ui:{url}")


def test_an_address_is_a_bot() -> None:
    assert load("ag-ui:http://localhost:1/agent").name == "ag-ui:http://localhost:1/agent"


def load(spec: str) -> Any:
    return load_bot(Settings(_env_file=None, bot=spec))  # type: ignore[call-arg]
