"""Runs agents of Pydantic AI. Only this module and its tests import that library."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from pydantic_ai import CallToolsNode, ModelRequestNode
from pydantic_ai.agent import AbstractAgent
from pydantic_ai.capabilities import ReinjectSystemPrompt
from pydantic_ai.exceptions import (
    AgentRunError,
    ContentFilterError,
    FallbackExceptionGroup,
    ModelAPIError,
    ModelQuotaExceededError,
    ModelTimeoutError,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
)
from pydantic_ai.messages import (
    BaseToolCallPart,
    BaseToolReturnPart,
    FunctionToolCallEvent,
    FunctionToolResultEvent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    NativeToolCallPart,
    NativeToolReturnPart,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    UserPromptPart,
)
from pydantic_ai.run import AgentRunResult
from pydantic_core import to_jsonable_python

from unbroken.errors import BotError, ConfigurationError
from unbroken.models.narration import Narration
from unbroken.models.trouble import ModelError, from_exception
from unbroken.models.usage import Usage
from unbroken.turn import Turn
from unbroken.types import Data, Message, Piece, Reasoning, Role, ToolCall, ToolResult

_CODES: tuple[tuple[type[Exception], str], ...] = (
    (ModelQuotaExceededError, "model_credit"),
    (ContentFilterError, "model_filtered"),
    (ModelTimeoutError, "model_silent"),
    (UnexpectedModelBehavior, "model_garbled"),
    (ModelAPIError, "model_unavailable"),
)


def bot(agent: Any, *, deps: Callable[[Turn], Any] | None = None) -> AgentBot:
    """Makes a bot of an agent. An agent without dependencies needs no such call: it can be named as the bot itself.

    Args:
        agent: an `Agent`, or anything else that runs like one.
        deps: makes the dependencies of one run; a plain or a coroutine function.

    Raises:
        ConfigurationError: it is no agent.
    """
    if not isinstance(agent, AbstractAgent):
        raise ConfigurationError(f"a {type(agent).__name__} of Pydantic AI is no bot; make an Agent with it")
    return AgentBot(agent, deps)


class AgentBot:
    """An agent, entered once for the whole process: its model's connections and its tool servers stay open."""

    def __init__(self, agent: AbstractAgent[Any, Any], deps: Callable[[Turn], Any] | None) -> None:
        self._agent = agent
        self._deps = deps

    async def start(self) -> None:
        """Enters the agent."""
        await self._agent.__aenter__()

    async def close(self) -> None:
        """Leaves the agent."""
        await self._agent.__aexit__(None, None, None)

    async def reply(self, turn: Turn) -> AsyncIterator[Piece]:
        """Runs the agent on the message, with the conversation so far as its history.

        Raises:
            BotError: the model failed, or the run reached a limit of its own.
        """
        deps = self._deps(turn) if self._deps else None
        if inspect.isawaitable(deps):
            deps = await deps
        iteration = self._agent.iter(
            turn.text,
            message_history=_history(turn.messages[:-1]),
            conversation_id=turn.session or None,
            deps=deps,
            # without it, an agent's system prompt is part of its first run only
            capabilities=[ReinjectSystemPrompt()],
        )
        reading = _Reading()
        try:
            # node by node, in this task: run_stream_events has another one, and takes more time for each token
            async with iteration as run:
                async for node in run:
                    if isinstance(node, (ModelRequestNode, CallToolsNode)):
                        async with node.stream(run.ctx) as events:
                            async for event in events:
                                for piece in reading.read(event):
                                    yield piece
                assert run.result is not None, "the run is over"
                for piece in reading.end(run.result):
                    yield piece
        except (AgentRunError, FallbackExceptionGroup) as error:
            raise _trouble(error) from error


class _Reading:
    """Turns the events of one run into pieces."""

    def __init__(self) -> None:
        self._narration = Narration()
        self._request = 0
        self._spoke = False

    def read(self, event: Any) -> Iterator[Piece]:
        match event:
            case PartDeltaEvent(delta=TextPartDelta(content_delta=text)) | PartStartEvent(part=TextPart(content=text)):
                if text:
                    self._spoke = True
                    yield self._narration.say(text, self._request)
            case (
                PartDeltaEvent(delta=ThinkingPartDelta(content_delta=text))
                | PartStartEvent(part=ThinkingPart(content=text))
            ):
                if text:
                    yield Reasoning(text)
            case FunctionToolCallEvent(part=call) | PartEndEvent(part=NativeToolCallPart() as call):
                yield _call(call)
            case FunctionToolResultEvent(part=result):
                self._request += 1  # what the model says next is another response
                yield _result(result)
            case PartStartEvent(part=NativeToolReturnPart() as result):
                yield _result(result)

    def end(self, result: AgentRunResult[Any]) -> Iterator[Piece]:
        """The output, as far as it was not said already, and the usage."""
        if not isinstance(result.output, str):
            yield Data("output", to_jsonable_python(result.output, serialize_unknown=True))
        elif not self._spoke:
            yield result.output
        usage = Usage()
        usage.add(result.usage.input_tokens, result.usage.output_tokens)
        yield from usage.parts()


def _history(messages: Sequence[Message]) -> list[ModelMessage]:
    """The conversation so far. Replies that failed before they said anything are left out."""
    return [
        ModelRequest(parts=[UserPromptPart(message.msg)])
        if message.role is Role.USER
        else ModelResponse(parts=[TextPart(message.msg)])
        for message in messages
        if message.msg
    ]


def _call(call: BaseToolCallPart[Any]) -> ToolCall:
    return ToolCall(call.tool_call_id, call.tool_name, call.args_as_dict())


def _result(result: BaseToolReturnPart[Any]) -> ToolResult:
    told = result.model_response_object()  # which wraps what is no object
    return ToolResult(result.tool_call_id, told.get("return_value", told) if len(told) == 1 else told)


def _trouble(error: Exception) -> BotError:
    if isinstance(error, FallbackExceptionGroup):
        error = error.exceptions[-1]
    if isinstance(error, UsageLimitExceeded):
        return BotError(str(error), public="The answer needed more steps than it may take.", code="bot_limit")
    if not isinstance(error, ModelQuotaExceededError) and (answered := from_exception(error)):
        return answered
    for kind, code in _CODES:
        if isinstance(error, kind):
            return ModelError(code, f"{type(error).__name__}: {error}")
    return BotError(f"{type(error).__name__}: {error}")
