"""Runs agents of Pydantic AI. Only this module and its tests import that library.

What an agent did is kept on the way: its messages whenever the model has called tools and whenever their results are
in, and each result as soon as it is there. Another worker goes on behind that, and runs no tool twice.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import ConfigDict, TypeAdapter
from pydantic_ai import CallToolsNode, ModelRequestNode
from pydantic_ai.agent import AbstractAgent
from pydantic_ai.capabilities import ReinjectSystemPrompt
from pydantic_ai.exceptions import (
    AgentRunError,
    ContentFilterError,
    FallbackExceptionGroup,
    ModelAPIError,
    ModelQuotaExceededError,
    ModelRetry,
    ModelTimeoutError,
    ToolFailed,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
)
from pydantic_ai.messages import (
    BaseToolCallPart,
    BaseToolReturnPart,
    FunctionToolCallEvent,
    FunctionToolResultEvent,
    ModelMessage,
    ModelMessagesTypeAdapter,
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
    ToolReturn,
    UserPromptPart,
)
from pydantic_ai.run import AgentRun, AgentRunResult
from pydantic_ai.tools import DeferredToolCallResult, DeferredToolRequests, DeferredToolResults, RunContext, ToolDenied
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool, WrapperToolset
from pydantic_ai.usage import RunUsage
from pydantic_core import to_jsonable_python

from unbroken.errors import BotError, ConfigurationError
from unbroken.models.narration import Narration
from unbroken.models.trouble import ModelError, from_exception
from unbroken.models.usage import Usage
from unbroken.turn import Turn
from unbroken.types import Data, Message, Piece, Reasoning, Role, ToolCall, ToolResult

logger = logging.getLogger("unbroken.models.pydantic_ai")

_LONG = 200
"""Characters of an argument that are shown where somebody is asked whether a tool may run."""

_results: TypeAdapter[Any] = TypeAdapter(
    DeferredToolCallResult, config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
)
_usage = TypeAdapter(RunUsage)

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

        A later attempt, and the one that a question's answer leads to, goes on where the run was kept.

        Raises:
            BotError: the model failed, or the run reached a limit of its own.
        """
        deps = self._deps(turn) if self._deps else None
        if inspect.isawaitable(deps):
            deps = await deps
        progress = _Progress(turn)
        iteration = self._agent.iter(
            None if progress.messages else turn.text,
            message_history=[*_history(turn.messages[:-1]), *progress.messages],
            conversation_id=turn.session or None,
            deps=deps,
            usage=progress.usage,
            capabilities=[progress],
        )
        reading = _Reading(turn)
        try:
            # node by node, in this task: run_stream_events has another one, and takes more time for each token
            async with iteration as run:
                async for node in run:
                    if isinstance(node, (ModelRequestNode, CallToolsNode)):
                        await progress.reach(node, run)
                        async with node.stream(run.ctx) as events:
                            async for event in events:
                                for piece in reading.read(event):
                                    yield piece
                assert run.result is not None, "the run is over"
                for piece in reading.end(run.result):
                    yield piece
        except (AgentRunError, FallbackExceptionGroup) as error:
            raise _trouble(error) from error


class _Progress(ReinjectSystemPrompt[Any]):
    """Keeps how far a run got, and asks the reader before a tool runs that needs approval.

    Without what it inherits, an agent's system prompt would be part of its first run only; as two capabilities they
    would do the same, but each of those takes time for every token.

    Attributes:
        messages: of the run, as they were kept; of one that begins none.
        usage: of the requests that they hold.
    """

    def __init__(self, turn: Turn) -> None:
        super().__init__(id="unbroken")
        self._turn = turn
        self.messages: list[ModelMessage] = []
        self.usage = RunUsage()
        if turn.saved is not None:
            self.messages = ModelMessagesTypeAdapter.validate_json(msgspec.json.encode(turn.saved["messages"]))
            self.usage = _usage.validate_python(turn.saved["usage"])
        self._step: int | None = None

    async def reach(self, node: ModelRequestNode[Any, Any] | CallToolsNode[Any, Any], run: AgentRun[Any, Any]) -> None:
        """Keeps the run if it goes on with results of tools, or with calls. The first node has nothing new."""
        begins = self._step is None
        reached = [*self.messages, *run.new_messages()]
        self._step = len(reached)
        if begins:
            return
        if isinstance(node, ModelRequestNode):
            reached.append(node.request)
        elif not node.model_response.tool_calls:
            return
        try:
            await self._turn.checkpoint(
                {
                    "messages": ModelMessagesTypeAdapter.dump_python(reached, mode="json", fallback=str),
                    "usage": _usage.dump_python(run.usage, mode="json"),
                }
            )
        except BotError as error:
            _unkept(error)

    def get_wrapper_toolset(self, toolset: AbstractToolset[Any]) -> AbstractToolset[Any]:
        """The agent's tools, none of whose calls is made again."""
        return _Once(toolset, self)

    async def once(self, call: str | None, action: Callable[[], Awaitable[Any]]) -> Any:
        """Makes a call, unless its result is known."""
        done: list[Any] = []

        async def act() -> Any:
            try:
                done.append(await action())
            except (ModelRetry, ToolFailed) as error:
                done.append(error)
            [result] = done
            if not isinstance(result, (ToolReturn, ModelRetry, ToolFailed)):
                result = ToolReturn(result)
            return _results.dump_python(result, mode="json", fallback=str)

        try:
            # a provider may give calls of different steps the same id
            kept = await self._turn.once(f"{self._step}/{call}", act)
        except BotError as error:
            _unkept(error)
        result = done[0] if done else _results.validate_json(msgspec.json.encode(kept))
        if isinstance(result, Exception):
            raise result
        return result

    async def handle_deferred_tool_calls(
        self, ctx: RunContext[Any], *, requests: DeferredToolRequests
    ) -> DeferredToolResults | None:
        """Asks the reader about each call that needs approval. Whatever is no approval denies it, and says why."""
        approvals: dict[str, bool | ToolDenied] = {}
        for call in requests.approvals:
            match await self._turn.ask(f"Run {_written(call)}?", ["Approve", "Deny"]):
                case "Approve":
                    approvals[call.tool_call_id] = True
                case "Deny":
                    approvals[call.tool_call_id] = False
                case reason:
                    approvals[call.tool_call_id] = ToolDenied(f"The user did not approve this, but said: {reason}")
        return requests.build_results(approvals=approvals)


@dataclass
class _Once(WrapperToolset[Any]):
    """Tools of one run."""

    progress: _Progress

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        return await self.progress.once(
            ctx.tool_call_id, lambda: super(_Once, self).call_tool(name, tool_args, ctx, tool)
        )


def _unkept(error: BotError) -> None:
    """A run that is too large to be kept goes on; one that failed for another reason does not."""
    if error.code != "journal_too_large":
        raise error
    logger.warning("if the worker dies now, this run begins again further back: %s", error)


def _written(call: BaseToolCallPart[Any]) -> str:
    """A call as it would be written in Python, without the ends of long arguments."""
    arguments = (f"{name}={value!r}" for name, value in call.args_as_dict().items())
    shown = (argument if len(argument) <= _LONG else f"{argument[:_LONG]}…" for argument in arguments)
    return f"{call.tool_name}({', '.join(shown)})"


class _Reading:
    """Turns the events of one run into pieces."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._narration = Narration(turn)
        self._hidden: dict[str, ToolCall] = {}
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
                if self._turn.replaying:
                    self._hidden[call.tool_call_id] = _call(call)
                yield _call(call)
            case FunctionToolResultEvent(part=result):
                self._request += 1  # what the model says next is another response
                if not self._turn.replaying and (asked := self._hidden.pop(result.tool_call_id, None)):
                    yield asked  # it was shown with the question, but its result is in this reply
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
