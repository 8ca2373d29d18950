"""Graphs of LangGraph whose worker dies, and graphs that ask before they go on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

from tests.integration.models.chat_model import ScriptedModel, call, tokens
from tests.integration.models.conversation import said
from tests.integration.worker.harness import Talk, until, working
from unbroken.backend import Backend
from unbroken.models.wrap import WrappedBot, wrap
from unbroken.turn import Journal, Turn
from unbroken.types import Data, Message, Part, Piece, Question, Status, ToolCall, ToolResult

pytestmark = pytest.mark.settings(partitions=2)


class Trip:
    """A worker's own copy of a graph that looks at two things, perhaps asks, and tells.

    Attributes:
        done: how often each node really ran, also on other workers.
        heard: what the model was sent, request by request.
        door: the second look waits for it.
        end: the end of the text waits for it.
        stuck: so many nodes wait for `door` behind a question.
    """

    def __init__(self, done: Counter[str], saver: BaseCheckpointSaver[Any] | None, *questions: Any) -> None:
        self.done = done
        self.door, self.end = asyncio.Event(), asyncio.Event()
        self.stuck = 0
        self._questions = questions
        self._model = ScriptedModel(script=self._script)
        graph = StateGraph(MessagesState)
        for node in (self.plan, self.sky, self.sea, self.decide, self.tell):
            graph.add_node(node.__name__, node)
        graph.add_edge(START, "plan").add_edge("plan", "sky").add_edge("plan", "sea")
        graph.add_edge(["sky", "sea"], "decide").add_edge("decide", "tell")
        self.graph = graph.compile(checkpointer=saver)
        self.bot: WrappedBot = wrap(self.graph, "my:graph", 1)

    def open(self) -> None:
        """Lets it run to its end."""
        self.door.set()
        self.end.set()

    @property
    def heard(self) -> list[list[BaseMessage]]:
        return self._model.heard

    async def plan(self, state: MessagesState) -> dict[str, Any]:
        self.done["plan"] += 1
        return {"messages": [await self._model.ainvoke(state["messages"])]}

    async def sky(self, state: MessagesState) -> dict[str, Any]:
        self.done["sky"] += 1
        return {"messages": [ToolMessage("blue", tool_call_id="c1")]}

    async def sea(self, state: MessagesState) -> dict[str, Any]:
        await self.door.wait()
        self.done["sea"] += 1
        return {"messages": [ToolMessage("wet", tool_call_id="c2")]}

    async def decide(self, state: MessagesState) -> dict[str, Any]:
        asked = [message.text for message in state["messages"] if message.type == "human"][-1]
        answers = [interrupt(question) for question in self._questions if asked != "Just tell"]
        self.stuck += not self.door.is_set()
        await self.door.wait()
        return {"messages": [AIMessage(f"You said {answer}.") for answer in answers]}

    async def tell(self, state: MessagesState) -> dict[str, Any]:
        return {"messages": [await self._model.ainvoke(state["messages"])]}

    async def _script(self, messages: list[BaseMessage]) -> AsyncIterator[Any]:
        if messages[-1].type == "human":
            yield "Let me look."
            yield call("sky", "{}", "c1")
            yield call("sea", "{}", "c2")
            yield tokens(10, 5)
        else:
            yield "It is "
            await self.end.wait()
            yield "fine."
            yield tokens(20, 7)


@pytest.fixture
def thread(tmp_path: Path) -> Any:
    """Opens a checkpointer that outlives its worker."""
    return lambda: AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads"))


CALLS = [ToolCall("c1", "sky", {}), ToolCall("c2", "sea", {})]
RESULTS = [ToolResult("c1", "blue"), ToolResult("c2", "wet")]
USAGE = Data("usage", {"input_tokens": 30, "output_tokens": 12})


def ordered(parts: list[Part]) -> list[Part]:
    """Parts with the results of nodes that run side by side in one order."""
    return sorted(parts, key=lambda part: RESULTS.index(part) if isinstance(part, ToolResult) else len(CALLS))


async def test_a_run_goes_on_behind_its_steps(backend: Backend, thread: Any) -> None:
    done: Counter[str] = Counter()
    talk = await Talk.begin(backend)
    async with thread() as saver:
        first = Trip(done, saver)
        async with working(backend, first.bot):
            await talk.send("How is it?")
            await talk.shows("Let me look.")
            async with asyncio.timeout(20):
                while RESULTS[0] not in (await talk.shown())[1]:
                    await asyncio.sleep(0.01)
    assert done == {"plan": 1, "sky": 1}
    async with thread() as saver:
        second = Trip(done, saver)
        second.open()
        async with working(backend, second.bot):
            reply = await talk.outcome("m1")
    assert done == {"plan": 1, "sky": 1, "sea": 1}
    assert reply.msg == "Let me look.\n\nIt is fine."
    assert ordered(reply.parts) == ordered([*CALLS, *RESULTS, USAGE])


async def test_the_last_text_is_said_anew(backend: Backend, thread: Any) -> None:
    done: Counter[str] = Counter()
    talk = await Talk.begin(backend)
    async with thread() as saver:
        first = Trip(done, saver)
        first.door.set()
        async with working(backend, first.bot):
            await talk.send("How is it?")
            await talk.shows("It is ")
    async with thread() as saver:
        second = Trip(done, saver)
        second.open()
        async with working(backend, second.bot):
            reply = await talk.outcome("m1")
            await talk.ask("And now?")
    assert reply.msg == "Let me look.\n\nIt is fine."
    assert ordered(reply.parts) == ordered([*CALLS, *RESULTS, USAGE])
    assert done == {"plan": 2, "sky": 2, "sea": 2}, "once for each message"
    kinds = [message.type for message in second.heard[1]]
    assert kinds == ["human", "ai", "tool", "tool", "ai", "human"]


class Asked(Exception):
    """The bot asked."""


class Notes:
    """Keeps what a bot keeps, and what it had said then."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.kept: list[tuple[Journal, str]] = []

    async def save(self, journal: Journal, *, mark: bool) -> None:
        text = "".join(piece for piece in self.pieces if isinstance(piece, str))
        self.kept.append((Journal(journal.saved), text))

    async def ask(self, question: Question, journal: Journal) -> None:
        raise Asked(question.text)

    async def rename(self, name: str) -> None:
        raise NotImplementedError


async def test_the_thread_may_be_a_step_ahead(thread: Any) -> None:
    """A worker dies when the checkpointer has a step, and Redis has not."""
    notes = Notes()
    async with thread() as saver:
        trip = Trip(Counter(), saver)
        trip.open()
        pieces = await said(trip.graph, Turn("How is it?", session="s", message_id="m1", keeper=notes), notes.pieces)
        assert pieces[-2:] == ["\n\nIt is fine.", USAGE]
        (before, said_before), (end, said_at_end) = notes.kept[-2:]
        for journal, partial, rest in ((before, said_before, ["\n\nIt is fine.", USAGE]), (end, said_at_end, [USAGE])):
            turn = Turn("How is it?", session="s", message_id="m1", attempt=2, partial=partial, journal=journal)
            assert await said(trip.graph, turn) == rest
    assert trip.done == {"plan": 1, "sky": 1, "sea": 1}


# Questions

ASKED: list[Any] = [{"question": "Shall I?", "options": ["Yes", "No"]}, "Really?"]


async def test_an_answer_is_given_to_its_own_question(thread: Any) -> None:
    """A worker dies when the thread has the answer and waits for the next one, and Redis does not know yet."""
    async with thread() as saver:
        trip = Trip(Counter(), saver, *ASKED)
        trip.open()

        async def asks(question: str, journal: Journal) -> Journal:
            notes = Notes()
            turn = Turn("How is it?", session="s", message_id="m1", journal=journal, keeper=notes)
            with pytest.raises(Asked, match=question):
                await said(trip.graph, turn)
            return notes.kept[-1][0]

        first = await asks("Shall I?", Journal())
        for _ in range(2):
            second = await asks("Really?", Journal(first.saved, answers=["yes"]))
        turn = Turn("How is it?", session="s", journal=Journal(second.saved, answers=["indeed"]))
        assert await said(trip.graph, turn) == ["You said Yes.\n\nYou said indeed.\n\nIt is fine.", USAGE]


@asynccontextmanager
async def workers(kind: str, thread: Any) -> AsyncIterator[Any]:
    """Makes checkpointers: one that all workers share, one for all since there is one worker, or one for each."""
    if kind == "lasting":
        async with thread() as saver:
            yield lambda: saver
    else:
        saver = InMemorySaver()
        yield lambda: saver if kind == "one worker" else InMemorySaver()


@pytest.mark.parametrize("kind", ["lasting", "one worker", "lost"])
async def test_an_interrupt_asks_the_reader(backend: Backend, thread: Any, kind: str) -> None:
    done: Counter[str] = Counter()
    talk = await Talk.begin(backend)
    replies: list[Message] = []
    async with workers(kind, thread) as saver:
        for text in ("How is it?", "yes", "indeed", "Thanks"):
            trip = Trip(done, saver(), *ASKED if text != "Thanks" else ())
            trip.open()
            async with working(backend, trip.bot):
                replies.append(await talk.ask(text))
    first, second, third, last = replies
    assert (first.msg, ordered(first.parts)) == (
        "Let me look.\n\nShall I?",
        ordered([*CALLS, *RESULTS, Question("Shall I?", ["Yes", "No"])]),
    )
    assert (second.msg, second.parts) == ("Really?", [Question("Really?")])
    assert third.msg == "You said Yes.\n\nYou said indeed.\n\nIt is fine."
    assert [part for part in third.parts if not isinstance(part, Data)] == []
    assert last.status is Status.COMPLETED
    again = 3 if kind == "lost" else 1
    assert done == {"plan": again + 1, "sky": again + 1, "sea": again + 1}
    if kind != "lost":
        heard = [(message.type, message.text) for message in trip.heard[0]]
        assert heard[-3:] == [("ai", "You said indeed."), ("ai", "It is fine."), ("human", "Thanks")]


@pytest.mark.parametrize("within", [True, False])
async def test_a_worker_dies_behind_an_answer(backend: Backend, thread: Any, within: bool) -> None:
    """Within the node that asked, whose answer the thread has already, or in the next one."""
    done: Counter[str] = Counter()
    talk = await Talk.begin(backend)
    async with thread() as saver:
        first = Trip(done, saver, *ASKED[:1])
        first.door.set()
        async with working(backend, first.bot):
            await talk.ask("How is it?")
            if within:
                first.door.clear()
            await talk.send("yes")
            await (until(lambda: first.stuck) if within else talk.shows("It is "))
        second = Trip(done, saver, *ASKED[:1])
        second.open()
        async with working(backend, second.bot):
            reply = await talk.outcome("m2")
    assert reply.msg == "You said Yes.\n\nIt is fine."
    assert done == {"plan": 1, "sky": 1, "sea": 1}


async def test_another_message_comes_between_question_and_answer(backend: Backend, thread: Any) -> None:
    talk = await Talk.begin(backend)
    async with thread() as saver:
        trip = Trip(Counter(), saver, *ASKED[:1])
        async with working(backend, trip.bot):
            await talk.send("How is it?")
            await talk.send("Just tell")
            trip.open()
            assert (await talk.outcome("m2")).msg == "Let me look.\n\nIt is fine."
            assert (await talk.ask("no")).msg == "You said No.\n\nIt is fine."
    assert [message.text for message in trip.heard[1]] == ["How is it?", "Let me look.\n\nShall I?", "Just tell"]
    assert trip.done == {"plan": 2, "sky": 2, "sea": 2}, "once for each message"
