"""What the adapters of agents cost: processor time for each token, beside that of a plain function.

Each agent says the same tokens as fast as it can, in this process and its event loop; the one behind HTTP is another
process, whose time does not count. Rounds are interleaved, and medians compared. The rows "alone" drive the SDK without
our adapter. Run it with `python -m benchmarks.adapters`.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from multiprocessing.connection import Connection
from typing import Any

import uvloop
from ag_ui.core import RunFinishedEvent, TextMessageContentEvent
from ag_ui.encoder import EventEncoder
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langgraph.graph import START, MessagesState, StateGraph
from pydantic_ai import Agent, CallToolsNode, ModelMessage, ModelRequestNode
from pydantic_ai.models.function import AgentInfo, FunctionModel

from unbroken.models import ag_ui
from unbroken.models.base import Bot
from unbroken.models.wrap import wrap
from unbroken.turn import Turn

TOKEN = "token "  # noqa: S105 - it is one of text

Run = Callable[[], Awaitable[int]]


def function(tokens: int) -> Callable[[Turn], AsyncIterator[str]]:
    """What everything else is compared with."""

    async def bot(turn: Turn) -> AsyncIterator[str]:
        for _ in range(tokens):
            yield TOKEN

    return bot


def agent(tokens: int) -> Agent[None, str]:
    """An agent of Pydantic AI."""

    async def model(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str]:
        for _ in range(tokens):
            yield TOKEN

    return Agent(FunctionModel(stream_function=model))


class Model(BaseChatModel):
    """Streams as many tokens as it is made with."""

    tokens: int = 0

    @property
    def _llm_type(self) -> str:
        return "tokens"

    def _generate(self, messages: list[BaseMessage], *args: Any, **more: Any) -> ChatResult:
        raise NotImplementedError

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **more: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for _ in range(self.tokens):
            yield ChatGenerationChunk(message=AIMessageChunk(content=TOKEN))


def graph(tokens: int) -> Any:
    """A graph of LangGraph."""
    model = Model(tokens=tokens)

    async def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    return StateGraph(MessagesState).add_node("ask", ask).add_edge(START, "ask").compile()


def serve(tokens: int, told: Connection) -> None:
    """An agent behind HTTP that sends each token in a write of its own."""
    encode = EventEncoder().encode
    one = encode(TextMessageContentEvent(message_id="m", delta=TOKEN)).encode()
    end = encode(RunFinishedEvent(thread_id="t", run_id="r")).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        for _ in range(tokens):
            writer.write(one)
            await writer.drain()
        writer.write(end)
        await writer.drain()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def replying(bot: Bot) -> Run:
    """The bot, as a worker runs it."""

    async def run() -> int:
        return sum([piece == TOKEN async for piece in bot.reply(Turn("Go", session="s"))])

    return run


def agent_alone(agent: Agent[None, str], tokens: int) -> Run:
    """The agent, driven as the adapter drives it."""

    async def run() -> int:
        count = 0
        async with agent.iter("Go") as run:
            async for node in run:
                if isinstance(node, (ModelRequestNode, CallToolsNode)):
                    async with node.stream(run.ctx) as events:
                        count += sum([1 async for _ in events])
        return min(tokens, count)

    return run


def graph_alone(graph: Any, tokens: int) -> Run:
    """The graph, driven as the adapter drives it."""

    async def run() -> int:
        stream = graph.astream(
            {"messages": [("human", "Go")]}, stream_mode=["messages", "updates", "custom"], version="v2"
        )
        return min(tokens, sum([1 async for _ in stream]))

    return run


async def measured(runs: dict[str, Run], tokens: int, rounds: int) -> dict[str, list[float]]:
    """Microseconds for each token, round by round; the first round only warms up."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            begin = time.process_time()
            said = await run()
            spent = time.process_time() - begin
            assert said == tokens, f"{name} said {said} of {tokens} tokens"
            if number:
                found[name].append(spent / tokens * 1e6)
    return found


async def compare(tokens: int, rounds: int, port: int) -> dict[str, list[float]]:
    """Measures all of them."""
    its_agent, its_graph = agent(tokens), graph(tokens)
    targets = {
        "function": function(tokens),
        "AG-UI": ag_ui.agent(f"http://127.0.0.1:{port}/"),
        "Pydantic AI": its_agent,
        "LangGraph": its_graph,
    }
    bots = {name: wrap(target, name, 1) for name, target in targets.items()}
    for bot in bots.values():
        await bot.start()
    runs: dict[str, Run] = {name: replying(bot) for name, bot in bots.items()}
    runs["Pydantic AI alone"] = agent_alone(its_agent, tokens)
    runs["LangGraph alone"] = graph_alone(its_graph, tokens)
    try:
        return await measured(runs, tokens, rounds)
    finally:
        for bot in bots.values():
            await bot.close()


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=1000, help="of each reply")
    parser.add_argument("--rounds", type=int, default=9, help="measured, behind one to warm up")
    arguments = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(arguments.tokens, there), daemon=True)
    server.start()
    try:
        found = uvloop.run(compare(arguments.tokens, arguments.rounds, here.recv()))
    finally:
        server.kill()
    base = statistics.median(found["function"])
    print(f"{'':20}  µs/token     lowest    ratio")
    for name, times in found.items():
        median = statistics.median(times)
        print(f"{name:20} {median:9.2f}  {min(times):9.2f} {median / base:8.1f}")


if __name__ == "__main__":
    main()
