"""Runs graphs of LangGraph that keep a conversation in `messages`. Only this module and its tests import that library.

A graph without a checkpointer is given the conversation each time. One with a checkpointer remembers, in the thread of
the session; it is given what it does not know yet, and made to forget what never happened for the user.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import aclosing
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage, convert_to_messages
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import GraphRecursionError
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel

from unbroken.errors import BotError, ConfigurationError
from unbroken.models.narration import Narration
from unbroken.models.trouble import from_exception
from unbroken.models.usage import Usage
from unbroken.turn import Turn
from unbroken.types import Data, Message, Part, Piece, Reasoning, Role, Status, ToolCall, ToolResult

_MARK = "unbroken"


def bot(
    graph: Any,
    *,
    nodes: Collection[str] = (),
    subgraphs: bool = False,
    context: Callable[[Turn], Any] | None = None,
) -> GraphBot:
    """Makes a bot of a graph. One that needs none of the options can be named as the bot itself.

    Args:
        graph: a compiled graph with a list of `messages` in its state.
        nodes: whose words the user reads; empty: those of all nodes. Tool calls are shown from everywhere.
        subgraphs: streams what graphs inside the graph say too, instead of taking it in one piece when they end.
        context: makes the runtime context of one run.

    Raises:
        ConfigurationError: it is no such graph.
    """
    if isinstance(graph, StateGraph):
        raise ConfigurationError("the graph is not compiled yet; the bot is what its compile() returns")
    if not isinstance(graph, Pregel):
        raise ConfigurationError(f"a {type(graph).__name__} of LangGraph is no bot; a compiled graph is")
    if "messages" not in graph.channels:
        raise ConfigurationError("the graph has no messages in its state; derive the state from MessagesState")
    return GraphBot(graph, nodes, subgraphs, context)


class GraphBot:
    """A graph, whose thread is the session."""

    def __init__(
        self,
        graph: Pregel[Any, Any, Any, Any],
        nodes: Collection[str],
        subgraphs: bool,
        context: Callable[[Turn], Any] | None,
    ) -> None:
        self._graph = graph
        self._nodes = frozenset(nodes)
        self._subgraphs = subgraphs
        self._context = context

    async def reply(self, turn: Turn) -> AsyncIterator[Piece]:
        """Runs the graph on the message, and on what came before it as far as the graph does not remember it.

        Raises:
            BotError: a model failed with an answer that says why, or the graph took too many steps.
        """
        config, held = await self._thread(turn)
        reading = _Reading(self._nodes)
        stream: Any = self._graph.astream(
            {"messages": _conversation(turn, held)},
            config,
            context=self._context(turn) if self._context else None,
            stream_mode=["messages", "updates", "custom"],
            subgraphs=self._subgraphs,
            version="v2",
        )
        try:
            async with aclosing(stream):
                async for event in stream:
                    for piece in reading.read(event):
                        yield piece
        except GraphRecursionError as error:
            public = "The answer needed more steps than it may take."
            raise BotError(str(error), public=public, code="bot_limit") from error
        except Exception as error:
            if (trouble := from_exception(error)) is None:
                raise
            raise trouble from error
        for piece in reading.usage.parts():
            yield piece

    async def _thread(self, turn: Turn) -> tuple[RunnableConfig, Sequence[BaseMessage]]:
        """Where in the thread to go on, and the messages that it holds there.

        That is its end, unless something there never happened for the user: an attempt that broke off, a reply that was
        stopped, a message that was edited since. Then it is the newest checkpoint before that.
        """
        config: RunnableConfig = {"configurable": {"thread_id": turn.session}}
        if not isinstance(self._graph.checkpointer, BaseCheckpointSaver):
            return config, ()
        state = await self._graph.aget_state(config)
        if not _valid(_held(state.values), turn):
            async for earlier in self._graph.aget_state_history(config):
                if _valid(_held(earlier.values), turn):
                    return earlier.config, _held(earlier.values)
        return config, _held(state.values)


def _held(values: Any) -> Sequence[BaseMessage]:
    return values.get("messages", ()) if isinstance(values, dict) else ()


def _mark(turn: int, message_id: str | None) -> str:
    """The id of a message in the graph, where a message with the same id takes its place."""
    return f"{_MARK}/{turn}/{message_id}"


def _valid(held: Sequence[BaseMessage], turn: Turn) -> bool:
    """Whether the user still sees every message of theirs that a thread holds, with a completed reply.

    Those from before the part of the conversation that the turn knows count as seen.
    """
    first = turn.messages[0].turn
    answered = {_mark(one.turn, one.reply_to) for one in turn.messages if one.status is Status.COMPLETED}
    for message in held:
        mark, _, rest = (message.id or "").partition("/")
        asked = message.type == "human" and mark == _MARK and int(rest.partition("/")[0]) >= first
        if asked and message.id not in answered:
            return False
    return True


def _conversation(turn: Turn, held: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The part of the conversation that a thread does not hold yet, at least the message to answer."""
    ids = {message.id for message in held}
    last = max((message.turn for message in turn.messages[:-1] if _mark(message.turn, message.id) in ids), default=0)
    return [_message(message) for message in turn.messages if message.turn > last and message.msg]


def _message(message: Message) -> BaseMessage:
    kind = HumanMessage if message.role is Role.USER else AIMessage
    return kind(message.msg, id=_mark(message.turn, message.id))


class _Reading:
    """Turns the events of one run into pieces."""

    def __init__(self, nodes: frozenset[str]) -> None:
        self._nodes = nodes
        self._narration = Narration()
        self._streamed: set[str | None] = set()
        self._calls: set[str | None] = set()
        self.usage = Usage()

    def read(self, event: Any) -> Iterator[Piece]:
        data = event["data"]
        match event["type"]:
            case "messages":
                message, metadata = data
                yield from self._said(message, self._shown(metadata["langgraph_node"], event["ns"]))
            case "updates":
                for node, update in data.items():
                    yield from self._updated(update, self._shown(node, event["ns"]))
            case "custom":
                yield data if isinstance(data, (str, Part)) else Data("custom", data)

    def _shown(self, node: str, namespace: tuple[str, ...]) -> bool:
        """Whether the user reads what a node says, which may be inside of others."""
        nodes = self._nodes
        return not nodes or node in nodes or any(outer.partition(":")[0] in nodes for outer in namespace)

    def _said(self, message: BaseMessage, shown: bool) -> Iterator[Piece]:
        """What a model streams, or what a node adds in one piece."""
        if isinstance(message, ToolMessage):
            yield ToolResult(message.tool_call_id, message.content)
        if not isinstance(message, AIMessage):
            return
        self._streamed.add(message.id)
        if usage := message.usage_metadata:
            self.usage.add(usage["input_tokens"], usage["output_tokens"])
        if shown:
            yield from self._words(message)
        if message.type == "ai":  # a whole message; the calls of a streamed one come with the update
            yield from self._asked(message)

    def _words(self, message: AIMessage) -> Iterator[Piece]:
        if isinstance(message.content, str) and not message.additional_kwargs:  # what nearly every token is
            if message.content:
                yield self._narration.say(message.content, message.id)
            return
        for block in message.content_blocks:
            if block["type"] == "text" and block["text"]:
                yield self._narration.say(block["text"], message.id)
            elif block["type"] == "reasoning" and (thought := block.get("reasoning")):
                yield Reasoning(thought)

    def _asked(self, message: AIMessage) -> Iterator[Piece]:
        for call in message.tool_calls:
            if call["id"] not in self._calls:
                self._calls.add(call["id"])
                yield ToolCall(call["id"] or "", call["name"], call["args"])

    def _updated(self, update: Any, shown: bool) -> Iterator[Piece]:
        """What a node returned: the calls of its messages, and messages that it wrote as dictionaries or tuples."""
        for one in update if isinstance(update, (list, tuple)) else (update,):
            added = one.get("messages", ()) if isinstance(one, dict) else ()
            for message in added if isinstance(added, list) else (added,):
                if isinstance(message, AIMessage) and message.id in self._streamed:
                    yield from self._asked(message)
                elif isinstance(message, (dict, tuple)) and message:
                    yield from self._said(convert_to_messages([message])[0], shown)
