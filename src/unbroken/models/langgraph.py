"""Runs graphs of LangGraph that keep a conversation in `messages`. Only modules of its name and their tests import it.

A graph without a checkpointer is given the conversation each time. One with a checkpointer remembers, in the thread of
the session; it is given what it does not know yet, and made to forget what never happened for the user.

If its checkpointer outlives the process, a reply is kept at the end of each of the graph's steps. Another worker then
finds the thread either there or one step further, and goes on from where it is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage, convert_to_messages
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphRecursionError
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel
from langgraph.types import Command, Interrupt, StateSnapshot

from unbroken.errors import BotError, ConfigurationError
from unbroken.models.langgraph_thread import conversation, held, valid
from unbroken.models.narration import Narration
from unbroken.models.trouble import from_exception
from unbroken.models.usage import Usage
from unbroken.turn import Turn
from unbroken.types import Data, Part, Piece, Reasoning, ToolCall, ToolResult


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
        self._remembers = isinstance(graph.checkpointer, BaseCheckpointSaver)
        self._durable = self._remembers and not isinstance(graph.checkpointer, InMemorySaver)

    async def reply(self, turn: Turn) -> AsyncIterator[Piece]:
        """Runs the graph on the message, and on what came before it as far as the graph does not remember it.

        A later attempt, and the one that a question's answer leads to, goes on in the thread if that is still there.

        Raises:
            BotError: a model failed with an answer that says why, or the graph took too many steps.
        """
        progress = _Progress(turn)
        reading = _Reading(self._nodes, turn, progress.usage)
        config, state = await self._kept(turn, progress, reading)
        source: Any = None
        waiting: Sequence[Interrupt] = ()
        if state is None:
            progress.begin_again()
            config, known = await self._thread(turn)
            source = {"messages": conversation(turn, known)}
        else:
            waiting = await progress.waiting(state)
            for piece in reading.missed:
                yield piece
        while True:
            if waiting and state is not None:
                await progress.keep(_id(state.config), asked=[one.id for one in waiting])
                source = Command(resume=await progress.answers(waiting))
            async with aclosing(self._run(source, config, turn, progress, reading)) as pieces:
                async for piece in pieces:
                    yield piece
            if not reading.interrupted:
                break
            reading.interrupted = False
            config = _config(turn)
            state = await self._graph.aget_state(config)
            waiting = state.interrupts
            if not waiting:
                break  # at one of the graph's own breakpoints
        for piece in reading.usage.parts():
            yield piece

    async def _run(
        self, source: Any, config: RunnableConfig, turn: Turn, progress: _Progress, reading: _Reading
    ) -> AsyncGenerator[Piece]:
        """Runs the graph to its end, or to an interrupt."""
        stream: Any = self._graph.astream(
            source,
            config,
            context=self._context(turn) if self._context else None,
            stream_mode=["messages", "updates", "custom", *(["checkpoints"] if self._durable else ())],
            subgraphs=self._subgraphs,
            version="v2",
            # the next step begins when the last one is safe: so nothing is kept here that is not kept there
            durability="sync" if self._durable else None,
        )
        try:
            async with aclosing(stream):
                async for event in stream:
                    for piece in reading.read(event):
                        yield piece
                    if event["type"] == "checkpoints" and not event["ns"]:
                        await progress.reach(event["data"])
        except GraphRecursionError as error:
            public = "The answer needed more steps than it may take."
            raise BotError(str(error), public=public, code="bot_limit") from error
        except Exception as error:
            if (trouble := from_exception(error)) is None:
                raise
            raise trouble from error

    async def _kept(
        self, turn: Turn, progress: _Progress, reading: _Reading
    ) -> tuple[RunnableConfig, StateSnapshot | None]:
        """Where the thread stands, if it is where this reply was kept, or one step further; else None."""
        config = _config(turn)
        if not self._remembers or progress.checkpoint is None:
            return config, None
        there: RunnableConfig = {"configurable": {**config["configurable"], "checkpoint_id": progress.checkpoint}}
        latest, kept = await self._graph.aget_state(config), await self._graph.aget_state(there)
        if kept.metadata is None:
            return config, None
        reading.known.update(message.id for message in held(kept.values))
        if _id(latest.config) == progress.checkpoint:
            return config, latest
        if latest.parent_config is not None and _id(latest.parent_config) == progress.checkpoint:
            for task in kept.tasks:
                reading.miss(task.name, task.result)
            return config, latest
        return there, kept  # the thread went on with another message, but this is where the question was asked

    async def _thread(self, turn: Turn) -> tuple[RunnableConfig, Sequence[BaseMessage]]:
        """Where in the thread to begin, and the messages that it holds there.

        That is its end, unless something there never happened for the user: an attempt that broke off, a reply that was
        stopped, a message that was edited since. Then it is the newest checkpoint before that.
        """
        config = _config(turn)
        if not self._remembers:
            return config, ()
        state = await self._graph.aget_state(config)
        if not valid(held(state.values), turn):
            async for earlier in self._graph.aget_state_history(config):
                if valid(held(earlier.values), turn):
                    return earlier.config, held(earlier.values)
        return config, held(state.values)


class _Progress:
    """How far a run got, and what the reader answered it.

    Attributes:
        checkpoint: of the thread, where the reply was kept; None if it was not.
        asked: ids of the interrupts that the reader was asked about there.
        usage: of the requests until there.
    """

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        saved = turn.saved or {"checkpoint": None, "asked": [], "answers": [], "again": [], "usage": []}
        self.checkpoint: str | None = saved["checkpoint"]
        self.asked: list[str] = saved["asked"]
        self._answers: list[str] = saved["answers"]
        self._again: list[str] = saved["again"]
        self.usage = Usage()
        for usage in saved["usage"]:
            self.usage.add(usage["input_tokens"], usage["output_tokens"])

    def begin_again(self) -> None:
        """The thread is lost: the run will ask again what was answered already."""
        self._again, self._answers = [*self._answers, *self._again], []

    async def reach(self, checkpoint: Any) -> None:
        """Takes a checkpoint that the graph made, or began with."""
        if checkpoint["metadata"]["source"] != "input" and _id(checkpoint["config"]) != self.checkpoint:
            await self.keep(_id(checkpoint["config"]))

    async def keep(self, checkpoint: str, asked: Sequence[str] = ()) -> None:
        """Keeps that all was said until a checkpoint of the thread, and which of its interrupts are asked about."""
        if (checkpoint, list(asked)) != (self.checkpoint, self.asked):
            self.checkpoint, self.asked = checkpoint, list(asked)
            await self._turn.checkpoint(
                {
                    "checkpoint": checkpoint,
                    "asked": self.asked,
                    "answers": self._answers,
                    "again": self._again,
                    "usage": [part.value for part in self.usage.parts()],
                }
            )

    async def waiting(self, state: StateSnapshot) -> Sequence[Interrupt]:
        """The interrupts of a state, in the order in which they are asked about; past the answers that it has."""
        interrupts = {one.id: one for one in state.interrupts}
        for one in self.asked:
            if one not in interrupts and self._turn.replaying:
                self._answers.append(await self._turn.ask(""))
        return [interrupts.pop(one) for one in self.asked if one in interrupts] + list(interrupts.values())

    async def answers(self, interrupts: Sequence[Interrupt]) -> dict[str, str]:
        """Asks the reader about each, and returns the answers by id."""
        found = {}
        for one in interrupts:
            found[one.id] = self._again.pop(0) if self._again else await self._turn.ask(*_question(one.value))
            self._answers.append(found[one.id])
        return found


def _question(value: Any) -> tuple[str, list[str]]:
    """What an interrupt asks, and the options that it offers."""
    if isinstance(value, dict):
        options = value.get("options")
        told = next((value[name] for name in ("question", "message", "text") if isinstance(value.get(name), str)), None)
        text = told or msgspec.json.encode(value, enc_hook=str).decode()
        return text, [str(option) for option in options] if isinstance(options, (list, tuple)) else []
    return str(value), []


def _config(turn: Turn) -> RunnableConfig:
    return {"configurable": {"thread_id": turn.session}}


def _id(config: RunnableConfig) -> str:
    return str(config["configurable"].get("checkpoint_id"))


class _Reading:
    """Turns the events of one run into pieces.

    Attributes:
        known: ids of the messages that the thread held where the reply was kept.
        missed: what was done behind that, but not kept any more.
        interrupted: the graph waits for an answer.
    """

    def __init__(self, nodes: frozenset[str], turn: Turn, usage: Usage) -> None:
        self._nodes = nodes
        self._narration = Narration(turn)
        self._streamed: set[str | None] = set()
        self._calls: set[str | None] = set()
        self.usage = usage
        self.known: set[str | None] = set()
        self.missed: list[Piece] = []
        self.interrupted = False

    def miss(self, node: str, update: Any) -> None:
        """Takes what a node returned before this attempt."""
        self.missed += self._updated(update, self._shown(node, ()), again=True)

    def read(self, event: Any) -> Iterator[Piece]:
        data = event["data"]
        match event["type"]:
            case "messages":
                message, metadata = data
                yield from self._said(message, self._shown(metadata["langgraph_node"], event["ns"]))
            case "updates":
                again = "__metadata__" in data  # in which LangGraph says that this was done before
                self.interrupted = self.interrupted or "__interrupt__" in data
                for node, update in data.items():
                    yield from self._updated(update, self._shown(node, event["ns"]), again=again)
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

    def _updated(self, update: Any, shown: bool, *, again: bool = False) -> Iterator[Piece]:
        """What a node returned: the calls of its messages, and messages that it wrote as dictionaries or tuples.

        If it did so before this attempt (again), nothing of it was streamed, and its messages are taken whole.
        """
        for one in update if isinstance(update, (list, tuple)) else (update,):
            added = one.get("messages", ()) if isinstance(one, dict) else ()
            for message in added if isinstance(added, list) else (added,):
                if isinstance(message, AIMessage) and message.id in self._streamed:
                    yield from self._asked(message)
                elif again and isinstance(message, BaseMessage) and message.id not in self.known:
                    yield from self._said(message, shown)
                elif isinstance(message, (dict, tuple)) and message:
                    yield from self._said(convert_to_messages([message])[0], shown)
