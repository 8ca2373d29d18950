"""Agents of Pydantic AI, with its own models for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, ModelMessage, ModelRequest, RunContext, UsageLimitExceeded
from pydantic_ai.exceptions import (
    ModelConnectionError,
    ModelHTTPError,
    ModelQuotaExceededError,
    UnexpectedModelBehavior,
)
from pydantic_ai.messages import SystemPromptPart, TextPart, ToolReturnPart, UserPromptPart
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import AgentInfo, DeltaThinkingPart, DeltaToolCall, FunctionModel
from pydantic_ai.models.test import TestModel

from tests.integration.models.conversation import PATIENCE, Speaking, answered, asked, running, said, turn
from unbroken.errors import BotError, ConfigurationError
from unbroken.models.pydantic_ai import bot
from unbroken.models.wrap import wrap
from unbroken.turn import Turn
from unbroken.types import Data, Piece, Reasoning, Status, ToolCall, ToolResult

Deltas = AsyncIterator[Any]


async def thinks_and_looks(messages: list[ModelMessage], info: AgentInfo) -> Deltas:
    """Thinks, calls a tool, and tells what it said."""
    results = [part for part in messages[-1].parts if isinstance(part, ToolReturnPart)]
    if not results:
        yield {0: DeltaThinkingPart(content="Ro")}
        yield {0: DeltaThinkingPart(content="me.")}
        yield "Let me "
        yield "look."
        yield {1: DeltaToolCall(name="sky", json_args='{"city": ', tool_call_id="c1")}
        yield {1: DeltaToolCall(json_args='"Rome"}')}
    else:
        yield "It is "
        yield f"{results[0].content}."


def rome(**more: Any) -> Agent[None, str]:
    agent = Agent(FunctionModel(stream_function=thinks_and_looks), **more)

    @agent.tool_plain
    def sky(city: str) -> str:
        return f"blue in {city}"

    return agent


async def test_everything_that_an_agent_does_is_shown() -> None:
    found = await said(rome(), "How is the sky in Rome?")
    assert found[:-1] == [
        Reasoning("Ro"),
        Reasoning("me."),
        "Let me look.",
        ToolCall("c1", "sky", {"city": "Rome"}),
        ToolResult("c1", "blue in Rome"),
        "\n\nIt is blue in Rome.",
    ]
    usage = found[-1]
    assert isinstance(usage, Data)
    assert usage.name == "usage"
    assert usage.value["input_tokens"] > 0 < usage.value["output_tokens"]


async def test_text_is_not_held_back() -> None:
    gate = asyncio.Event()

    async def model(messages: list[ModelMessage], info: AgentInfo) -> Deltas:
        yield "One"
        await gate.wait()
        yield " two"

    async with running(Agent(FunctionModel(stream_function=model))) as started:
        reply = Speaking(started)
        await reply.says("One")
        gate.set()
        await reply.says("One", " two")
        await reply.end()


async def test_the_conversation_is_the_history() -> None:
    heard: list[ModelMessage] = []

    async def model(messages: list[ModelMessage], info: AgentInfo) -> Deltas:
        heard.extend(messages)
        yield "So."

    agent = Agent(FunctionModel(stream_function=model), system_prompt="Be brief.", instructions="Be kind.")
    before = [asked(1, "Is it?"), answered(1, "It is."), asked(2, "?"), answered(2, "", Status.FAILED)]
    await said(agent, turn(*before, asked(3, "So?")))
    assert isinstance(heard[-1], ModelRequest)
    assert heard[-1].instructions == "Be kind."
    spoken = [(type(part), part.content) for message in heard for part in message.parts]  # type: ignore[union-attr]
    assert spoken == [
        (SystemPromptPart, "Be brief."),
        (UserPromptPart, "Is it?"),
        (TextPart, "It is."),
        (UserPromptPart, "?"),
        (UserPromptPart, "So?"),
    ]


async def test_dependencies_are_made_for_each_turn() -> None:
    agent = Agent(TestModel(custom_output_text="Done."), deps_type=str)

    @agent.tool
    def who(context: RunContext[str]) -> str:
        return f"You have {context.deps}."

    async def deps(turn: Turn) -> str:
        return f"deps of {turn.session}"

    for made in (deps, lambda turn: f"deps of {turn.session}"):
        found = await said(bot(agent, deps=made), turn(asked(1, "Who?"), session="abc"))
        assert [piece.result for piece in found if isinstance(piece, ToolResult)] == ["You have deps of abc."]


class Sky(BaseModel):
    color: str


@pytest.mark.parametrize(
    ("returned", "shown"), [(Sky(color="blue"), {"color": "blue"}), ([1, 2], [1, 2]), (7, 7), (None, {})]
)
async def test_tools_may_return_anything(returned: object, shown: object) -> None:
    agent = Agent(TestModel(custom_output_text="Done."))

    @agent.tool_plain
    def look() -> object:
        return returned

    found = await said(agent, "Look")
    assert [piece.result for piece in found if isinstance(piece, ToolResult)] == [shown]


async def test_an_output_that_is_no_text_is_data() -> None:
    class Answer(BaseModel):
        number: int

    found = await said(Agent(TestModel(custom_output_args={"number": 42}), output_type=Answer), "What is it?")
    assert found[0] == Data("output", {"number": 42})


async def test_an_output_that_was_not_streamed_is_said() -> None:
    def shout(word: str) -> str:
        return word.upper()

    found = await said(Agent(TestModel(custom_output_args={"word": "hey"}), output_type=shout), "Shout")
    assert found[0] == "HEY"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelHTTPError(429, "m", {"message": "slow down"}), "model_busy"),
        (ModelHTTPError(401, "m", {"message": "no key sk-123"}), "model_auth"),
        (ModelHTTPError.for_category(ModelQuotaExceededError, status_code=429, model_name="m"), "model_credit"),
        (ModelConnectionError("m", "refused"), "model_unavailable"),
        (UnexpectedModelBehavior("what?"), "model_garbled"),
        (UsageLimitExceeded("request_limit of 50"), "bot_limit"),
    ],
)
async def test_what_goes_wrong_is_named(error: Exception, code: str) -> None:
    async def model(messages: list[ModelMessage], info: AgentInfo) -> Deltas:
        yield "I be"
        raise error

    found: list[Piece] = []
    with pytest.raises(BotError) as caught:
        await said(Agent(FunctionModel(stream_function=model)), "Hi", found)
    assert (caught.value.code, found) == (code, ["I be"])
    assert str(error) in str(caught.value)
    assert "sk-123" not in caught.value.public


async def test_the_last_of_several_models_says_what_is_wrong() -> None:
    async def busy(messages: list[ModelMessage], info: AgentInfo) -> Deltas:
        if messages:
            raise ModelHTTPError(529, "m")
        yield ""

    model = FunctionModel(stream_function=busy)
    with pytest.raises(BotError) as caught:
        await said(Agent(FallbackModel(model, model)), "Hi")
    assert caught.value.code == "model_busy"


async def test_a_bug_stays_what_it_is() -> None:
    agent = Agent(TestModel())

    @agent.tool_plain
    def divide() -> float:
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        await said(agent, "Divide")


async def test_a_stopped_reply_stops_the_run() -> None:
    stopped = asyncio.Event()

    async def model(messages: list[ModelMessage], info: AgentInfo) -> Deltas:
        try:
            yield "One"
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with running(Agent(FunctionModel(stream_function=model))) as started:
        reply = Speaking(started)
        await reply.says("One")
        await reply.stop()
        await asyncio.wait_for(stopped.wait(), PATIENCE)


async def test_replies_run_side_by_side() -> None:
    async with running(rome()) as started:

        async def one() -> list[Piece]:
            return [piece async for piece in started.reply(Turn("How is the sky?"))]

        replies = await asyncio.gather(*(one() for _ in range(10)))
    assert all(ToolResult("c1", "blue in Rome") in reply for reply in replies)


def test_only_an_agent_is_a_bot() -> None:
    with pytest.raises(ConfigurationError, match=r"my:model.* TestModel"):
        wrap(TestModel(), "my:model", 1)
