"""Agents behind HTTP, over real HTTP; what they send is made with the protocol's own package."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from ag_ui.core import PROTOCOL_VERSION, BaseEvent, RunAgentInput, RunFinishedEvent, TextMessageChunkEvent
from ag_ui.encoder import EventEncoder
from aiohttp import web
from pydantic_ai import Agent, DeferredToolRequests, ModelMessage
from pydantic_ai.messages import ToolReturnPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
from pydantic_ai.ui.ag_ui import AGUIAdapter

from tests.integration.models.conversation import Speaking, answered, asked, running, said, turn
from tests.integration.models.faulty import Act, FaultyServer, answer, hang_up, stream
from tests.integration.worker.harness import Talk, working
from unbroken.backend import Backend
from unbroken.models.ag_ui import agent
from unbroken.models.trouble import ModelError
from unbroken.models.wrap import wrap
from unbroken.types import Piece, Question, Status, ToolCall, ToolResult


def encoded(event: BaseEvent) -> bytes:
    return EventEncoder().encode(event).encode()


def text(delta: str) -> bytes:
    return encoded(TextMessageChunkEvent(message_id="m", delta=delta))


DONE = encoded(RunFinishedEvent(thread_id="t", run_id="r"))


async def test_the_request() -> None:
    view = [asked(1, "Is it?"), answered(1, "It is."), asked(2, "?"), answered(2, "", Status.FAILED), asked(3, "So?")]
    async with FaultyServer(stream(text("So."), DONE)).running() as server:
        bot = agent(server.url, headers={"Authorization": "Bearer sk-1"})
        assert await said(bot, turn(*view, session="abc", attempt=2)) == ["So."]
    run = RunAgentInput.model_validate(server.requests[0])
    assert (run.thread_id, run.run_id, run.protocol_version) == ("abc", "m3.2", PROTOCOL_VERSION)
    assert [(message.id, message.role, message.content) for message in run.messages] == [
        ("m1", "user", "Is it?"),
        ("m1.reply", "assistant", "It is."),
        ("m2", "user", "?"),
        ("m3", "user", "So?"),
    ]
    assert server.headers[0]["Authorization"] == "Bearer sk-1"
    assert server.headers[0]["Accept"] == "text/event-stream"


async def test_text_is_not_held_back() -> None:
    async with FaultyServer(stream(text("One"), 30.0)).running() as server, running(agent(server.url)) as bot:
        reply = Speaking(bot)
        await reply.says("One")
        await reply.stop()


@pytest.mark.parametrize(
    ("act", "code", "before"),
    [
        (answer(429), "model_busy", []),
        (answer(401, {"error": "no such key"}), "model_auth", []),
        (answer(404), "model_unknown", []),
        (answer(500), "model_unavailable", []),
        (hang_up, "model_unavailable", []),
        (stream(text("I be"), cut=True), "model_cut", ["I be"]),
        (stream(text("I be")), "model_cut", ["I be"]),
        (stream(text("I be"), b"data: <html>\n\n"), "model_garbled", ["I be"]),
        (stream(text("I be"), 30.0), "model_silent", ["I be"]),
        (stream(30.0), "model_silent", []),
    ],
)
async def test_what_goes_wrong_is_named_and_not_repeated(act: Act, code: str, before: list[Piece]) -> None:
    found: list[Piece] = []
    async with FaultyServer(act).running() as server:
        with pytest.raises(ModelError) as caught:
            await said(agent(server.url, timeout=0.5), "Hi", found)
    assert (caught.value.code, found) == (code, before)
    assert len(server.requests) == 1


async def test_nobody_is_there() -> None:
    with pytest.raises(ModelError) as caught:
        await said(agent("http://127.0.0.1:1/"), "Hi")
    assert caught.value.code == "model_unavailable"


async def test_a_stopped_reply_closes_its_connection() -> None:
    async with FaultyServer(stream(text("One"), 30.0)).running() as server:
        target = agent(server.url)
        async with running(target) as bot:
            reply = Speaking(bot)
            await reply.says("One")
            await reply.stop()
            assert target._http is not None
            assert not target._http.connector._acquired  # type: ignore[union-attr]


# Questions


def approving() -> Agent[None, str | DeferredToolRequests]:
    """An agent that keeps nothing from run to run, and may not delete without approval."""

    async def model(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        results = [part for part in messages[-1].parts if isinstance(part, ToolReturnPart)]
        if results:
            yield "So: "
            yield ", ".join(str(part.content) for part in results)
        else:
            yield "Let me."
            yield {1: DeltaToolCall(name="sky", json_args="{}", tool_call_id="c1")}
            for number, path in enumerate("ab", start=2):
                yield {
                    number: DeltaToolCall(name="delete", json_args=f'{{"path": "{path}"}}', tool_call_id=f"c{number}")
                }

    agent = Agent(FunctionModel(stream_function=model), output_type=[str, DeferredToolRequests])

    @agent.tool_plain
    def sky() -> str:
        return "blue"

    @agent.tool_plain(requires_approval=True)
    def delete(path: str) -> str:
        return f"deleted {path}"

    return agent


async def served(request: web.Request) -> web.StreamResponse:
    """Runs the agent as its own package serves it."""
    adapter = AGUIAdapter(approving(), AGUIAdapter.build_run_input(await request.read()), accept="text/event-stream")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    async for event in adapter.encode_stream(adapter.run_stream()):
        await response.write(event.encode())
    return response


@pytest.mark.settings(partitions=2)
async def test_an_interrupt_asks_the_reader(backend: Backend) -> None:
    async with FaultyServer(served).running() as server:
        talk = await Talk.begin(backend)
        replies = []
        for text in ("Tidy up", "Approve", "rather not"):  # each on another worker
            async with working(backend, wrap(agent(server.url), "my:agent", 1)):
                replies.append(await talk.ask(text))
    first, second, last = replies
    assert first.msg == 'Let me.\n\nApprove delete({"path":"a"})?'
    assert first.parts[-1] == Question('Approve delete({"path":"a"})?', ["Approve", "Deny"])
    assert (second.msg, len(second.parts)) == ('Approve delete({"path":"b"})?', 1)
    assert last.msg == "So: blue, deleted a, rather not"
    for call, result in (
        (ToolCall("c2", "delete", {"path": "a"}), ToolResult("c2", "deleted a")),
        (ToolCall("c3", "delete", {"path": "b"}), ToolResult("c3", "rather not")),
    ):
        assert last.parts.index(call) + 1 == last.parts.index(result)
    assert len(server.requests) == 2, "a question costs no run"
    resumed = RunAgentInput.model_validate(server.requests[1])
    assert [entry.payload for entry in resumed.resume or ()] == [
        {"approved": True},
        {"approved": False, "reason": "rather not"},
    ]
    assert [message.role for message in resumed.messages] == ["user", "assistant", "tool"]
    assert resumed.run_id != server.requests[0]["runId"]
