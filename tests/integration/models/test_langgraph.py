"""Graphs of LangGraph, with a chat model that does as it is told."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest
from httpx import HTTPStatusError, Request, Response
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import tool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.runtime import Runtime

from tests.integration.models.chat_model import ScriptedModel, call, thought, tokens
from tests.integration.models.conversation import PATIENCE, Speaking, answered, asked, running, said, turn
from unbroken.errors import BotError, ConfigurationError
from unbroken.models.langgraph import bot
from unbroken.models.wrap import wrap
from unbroken.turn import Turn
from unbroken.types import Data, Piece, Reasoning, Source, Status, ToolCall, ToolResult


@tool
def sky(city: str) -> str:
    """The sky over a city."""
    return f"blue in {city}"


async def thinks_and_looks(messages: list[BaseMessage]) -> AsyncIterator[Any]:
    """Thinks, calls a tool, and tells what it said."""
    if messages[-1].type != "tool":
        yield thought("Ro")
        yield thought("me.")
        yield "Let me "
        yield "look."
        yield call("sky", '{"city": ', "c1")
        yield call(None, '"Rome"}', None)
        yield tokens(10, 5)
    else:
        yield "It is "
        yield f"{messages[-1].content}."
        yield tokens(20, 7)


async def counts(messages: list[BaseMessage]) -> AsyncIterator[Any]:
    yield f"{len(messages)} messages"


def answering(model: ScriptedModel, checkpointer: BaseCheckpointSaver[Any] | None = None) -> Any:
    """The smallest graph with a model, and with tools if it wants one."""

    async def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node("ask", ask).add_node("tools", ToolNode([sky]))
    graph.add_edge(START, "ask").add_conditional_edges("ask", tools_condition).add_edge("tools", "ask")
    return graph.compile(checkpointer=checkpointer)


def saying(**texts: str) -> Any:
    """Nodes that speak one after the other, each with a model of its own."""
    graph = StateGraph(MessagesState)
    for name, text in texts.items():
        graph.add_node(name, speaker(text))
    return chained(graph, *texts)


def speaker(text: str) -> Any:
    async def script(_: list[BaseMessage]) -> AsyncIterator[Any]:
        yield text

    async def speak(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await ScriptedModel(script=script).ainvoke(state["messages"])]}

    return speak


def chained(graph: StateGraph[Any], *names: str) -> Any:
    for one, next_ in zip((START, *names), names, strict=False):
        graph.add_edge(one, next_)
    return graph.compile()


def single(node: Any, state: Any = MessagesState, **more: Any) -> Any:
    return chained(StateGraph(state, **more).add_node("node", node), "node")


SHOWN = [
    Reasoning("Ro"),
    Reasoning("me."),
    "Let me look.",
    ToolCall("c1", "sky", {"city": "Rome"}),
    ToolResult("c1", "blue in Rome"),
    "\n\nIt is blue in Rome.",
    Data("usage", {"input_tokens": 30, "output_tokens": 12}),
]


@pytest.mark.parametrize("checkpointer", [None, InMemorySaver()])
async def test_everything_that_a_graph_does_is_shown(checkpointer: BaseCheckpointSaver[Any] | None) -> None:
    assert await said(answering(ScriptedModel(script=thinks_and_looks), checkpointer), "How is the sky?") == SHOWN


@pytest.mark.parametrize("streams", [False, True])
async def test_so_is_what_a_graph_inside_the_graph_does(streams: bool) -> None:
    graph = single(answering(ScriptedModel(script=thinks_and_looks)))
    assert await said(bot(graph, subgraphs=streams), "How is the sky?") == SHOWN
    async with running(bot(graph, subgraphs=streams)) as started:
        assert ("Let me " in [piece async for piece in started.reply(Turn("How is the sky?"))]) is streams


async def test_text_is_not_held_back() -> None:
    gate = asyncio.Event()

    async def script(_: list[BaseMessage]) -> AsyncIterator[Any]:
        yield "One"
        await gate.wait()
        yield " two"

    async with running(answering(ScriptedModel(script=script))) as started:
        reply = Speaking(started)
        await reply.says("One")
        gate.set()
        await reply.says("One", " two")
        await reply.end()


async def test_a_node_may_speak_without_a_model() -> None:
    for written in (AIMessage("Hi."), [AIMessage("Hi.")], [("ai", "Hi.")], {"role": "assistant", "content": "Hi."}):
        assert await said(single(lambda state, written=written: {"messages": written}), "Hello") == ["Hi."]


async def test_a_node_may_send_parts_and_data() -> None:
    def node(state: MessagesState) -> dict[str, Any]:
        get_stream_writer()(Source("https://example.org"))
        get_stream_writer()({"progress": 0.5})
        return {}

    assert await said(single(node), "Hi") == [Source("https://example.org"), Data("custom", {"progress": 0.5})]


async def test_only_the_words_of_some_nodes_are_shown() -> None:
    graph = saying(plan="First this.", write="Done.")
    assert await said(graph, "Go") == ["First this.\n\nDone."]
    assert await said(bot(graph, nodes=["write"]), "Go") == ["Done."]
    outer = chained(StateGraph(MessagesState).add_node("one", graph).add_node("two", speaker("Good.")), "one", "two")
    assert await said(bot(outer, nodes=["one"], subgraphs=True), "Go") == ["First this.\n\nDone."]


async def test_the_context_is_made_for_each_turn() -> None:
    @dataclass
    class Context:
        user: str

    def node(state: MessagesState, runtime: Runtime[Context]) -> dict[str, Any]:
        return {"messages": [AIMessage(f"You are {runtime.context.user}.")]}

    graph = single(node, context_schema=Context)
    who = bot(graph, context=lambda turn: Context(turn.session_name))
    assert await said(who, Turn("Who am I?", session_name="Ann")) == ["You are Ann."]


# What the graph remembers


def texts(messages: list[BaseMessage]) -> list[str]:
    return [str(message.content) for message in messages]


async def test_without_a_checkpointer_it_is_given_the_conversation() -> None:
    model = ScriptedModel(script=counts)
    before = [asked(1, "Is it?"), answered(1, "It is."), asked(2, "?"), answered(2, "", Status.FAILED)]
    await said(answering(model), turn(*before, asked(3, "So?")))
    assert texts(model.heard[0]) == ["Is it?", "It is.", "?", "So?"]
    assert [message.type for message in model.heard[0]] == ["human", "ai", "human", "human"]


async def test_with_a_checkpointer_it_is_given_the_new_message() -> None:
    model = ScriptedModel(script=thinks_and_looks)
    graph = answering(model, InMemorySaver())
    await said(graph, turn(asked(1, "Is it?")))
    await said(graph, turn(asked(1, "Is it?"), answered(1, "It is, as people read it."), asked(2, "So?")))
    assert [message.type for message in model.heard[2]] == ["human", "ai", "tool", "ai", "human"]
    assert texts(model.heard[2])[2:] == ["blue in Rome", "It is blue in Rome.", "So?"]


async def test_threads_are_sessions() -> None:
    model = ScriptedModel(script=counts)
    graph = answering(model, InMemorySaver())
    for number, session in enumerate("ab", start=1):
        await said(graph, turn(asked(number, f"I am {session}"), session=session))
    assert [texts(messages) for messages in model.heard] == [["I am a"], ["I am b"]]


async def test_calls_of_earlier_turns_are_not_shown_again() -> None:
    async def looks_once(messages: list[BaseMessage]) -> AsyncIterator[Any]:
        async for piece in thinks_and_looks(messages) if len(messages) < 4 else counts(messages):
            yield piece

    inner = answering(ScriptedModel(script=looks_once))  # which returns the whole conversation
    graph = StateGraph(MessagesState).add_node("inner", inner).add_edge(START, "inner").compile(InMemorySaver())
    assert await said(graph, turn(asked(1, "Is it?"))) == SHOWN
    assert await said(graph, turn(asked(1, "Is it?"), answered(1, "It is."), asked(2, "So?"))) == ["5 messages"]


async def test_it_is_told_what_another_worker_answered() -> None:
    one, other = ScriptedModel(script=counts), ScriptedModel(script=counts)
    graph, elsewhere = answering(one, InMemorySaver()), answering(other, InMemorySaver())
    view = [asked(1, "First")]
    await said(graph, turn(*view))
    view += [answered(1, "1 messages"), asked(2, "Second")]
    await said(elsewhere, turn(*view))
    assert texts(other.heard[0]) == ["First", "1 messages", "Second"]
    view += [answered(2, "3 messages"), asked(3, "Third")]
    await said(graph, turn(*view))
    assert texts(one.heard[1]) == ["First", "1 messages", "Second", "3 messages", "Third"]


class Breaks(Exception):
    pass


async def test_a_second_attempt_starts_where_the_first_one_did() -> None:
    class State(MessagesState):
        steps: Annotated[list[str], operator.add]

    model = ScriptedModel(script=thinks_and_looks)
    broken = True

    async def ask(state: State) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])], "steps": ["asked"]}

    async def look(state: State) -> Any:
        if broken and len(model.heard) > 2:
            raise Breaks  # behind a call of a tool that has no result yet
        return {**await ToolNode([sky]).ainvoke(state), "steps": ["looked"]}

    graph = StateGraph(State).add_node("ask", ask).add_node("tools", look)
    graph.add_edge(START, "ask").add_conditional_edges("ask", tools_condition).add_edge("tools", "ask")
    remembers = graph.compile(checkpointer=InMemorySaver())
    await said(remembers, turn(asked(1, "First")))
    view = [asked(1, "First"), answered(1, "Blue."), asked(2, "Second")]
    for _ in range(2):
        with pytest.raises(Breaks):
            await said(remembers, turn(*view))
    broken = False
    assert await said(remembers, turn(*view, attempt=3)) == SHOWN
    assert [message.type for message in model.heard[-1]] == ["human", "ai", "tool", "ai", "human", "ai", "tool"]
    state = await remembers.aget_state({"configurable": {"thread_id": "s"}})
    assert state.values["steps"] == ["asked", "looked", "asked"] * 2


async def test_a_first_message_is_tried_again_from_nothing() -> None:
    model = ScriptedModel(script=counts)

    async def ask(state: MessagesState) -> dict[str, Any]:
        if not model.heard:
            model.heard.append([])
            raise Breaks
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node("ask", ask).add_edge(START, "ask").compile(checkpointer=InMemorySaver())
    with pytest.raises(Breaks):
        await said(graph, turn(asked(1, "First")))
    await said(graph, turn(asked(1, "First"), attempt=2))
    assert texts(model.heard[-1]) == ["First"]


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.FAILED])
async def test_of_an_unfinished_reply_it_knows_what_was_said(status: Status) -> None:
    model = ScriptedModel(script=counts)
    graph = answering(model, InMemorySaver())
    await said(graph, turn(asked(1, "First")))
    await said(graph, turn(asked(1, "First"), answered(1, "1 mess", status), asked(2, "Second")))
    assert texts(model.heard[-1]) == ["First", "1 mess", "Second"]


async def test_an_edited_message_is_forgotten() -> None:
    model = ScriptedModel(script=counts)
    graph = answering(model, InMemorySaver())
    await said(graph, turn(asked(1, "First")))
    await said(graph, turn(asked(1, "First"), answered(1, "1 messages"), asked(2, "Secnd")))
    edited = asked(3, "Second", replaces="m2")
    await said(graph, turn(asked(1, "First"), answered(1, "1 messages"), edited))
    assert texts(model.heard[-1]) == ["First", "1 messages", "Second"]
    await said(graph, turn(asked(4, "1st", replaces="m1")))
    assert texts(model.heard[-1])[-1] == "1st"


async def test_a_thread_remembers_further_back_than_the_turn() -> None:
    model = ScriptedModel(script=counts)
    graph = answering(model, InMemorySaver())
    await said(graph, turn(asked(1, "First")))
    await said(graph, turn(asked(2, "Second")))
    assert texts(model.heard[-1]) == ["First", "1 messages", "Second"]


# What goes wrong


class ProviderError(Exception):
    status_code = 429


@pytest.mark.parametrize(
    ("error", "raised", "code"),
    [
        (ProviderError("slow down"), BotError, "model_busy"),
        (
            HTTPStatusError("no key", request=Request("GET", "http://host"), response=Response(401)),
            BotError,
            "model_auth",
        ),
        (Breaks("a bug"), Breaks, None),
    ],
)
async def test_what_goes_wrong_is_named(error: Exception, raised: type[Exception], code: str | None) -> None:
    async def script(_: list[BaseMessage]) -> AsyncIterator[Any]:
        yield "I be"
        raise error

    found: list[Piece] = []
    with pytest.raises(raised) as caught:
        await said(answering(ScriptedModel(script=script)), "Hi", found)
    assert (getattr(caught.value, "code", None), found) == (code, ["I be"])
    assert str(error) in str(caught.value)


async def test_a_graph_that_goes_round_in_circles_is_stopped() -> None:
    graph = (
        StateGraph(MessagesState).add_node("node", lambda state: {}).add_edge(START, "node").add_edge("node", "node")
    )
    with pytest.raises(BotError) as caught:
        await said(graph.compile().with_config({"recursion_limit": 5}), "Hi")
    assert caught.value.code == "bot_limit"


async def test_a_stopped_reply_stops_the_run() -> None:
    stopped = asyncio.Event()

    async def script(_: list[BaseMessage]) -> AsyncIterator[Any]:
        try:
            yield "One"
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with running(answering(ScriptedModel(script=script))) as started:
        reply = Speaking(started)
        await reply.says("One")
        await reply.stop()
        await asyncio.wait_for(stopped.wait(), PATIENCE)
        stopped.clear()
        closed: Any = started.reply(Turn("Hi"))
        assert await anext(closed) == "One"
        await closed.aclose()
        assert stopped.is_set()


class Silent(TypedDict):
    count: int


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (StateGraph(MessagesState), "not compiled"),
        (InMemorySaver(), "InMemorySaver"),
        (single(lambda state: {}, Silent), "no messages in its state"),
    ],
)
def test_what_is_no_bot(target: object, says: str) -> None:
    with pytest.raises(ConfigurationError, match=f"my:graph.*{says}"):
        wrap(target, "my:graph", 1)
