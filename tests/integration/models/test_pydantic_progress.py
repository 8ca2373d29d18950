"""Agents of Pydantic AI whose worker dies, and agents that ask before they do something."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, ModelMessage, ModelRetry, ToolReturn
from pydantic_ai.messages import BaseToolReturnPart, ModelRequest, ModelResponse, ToolReturnPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from tests.integration.worker.harness import Talk, until, working
from unbroken.backend import Backend
from unbroken.models.wrap import WrappedBot, wrap
from unbroken.types import Data, Message, Part, Question, Status, ToolCall, ToolResult

pytestmark = pytest.mark.settings(partitions=2)


class Trip:
    """A worker's own copy of an agent that first calls some tools and then tells what they said.

    Attributes:
        done: how often each tool really ran, also on other workers.
        heard: what the model was sent, request by request.
        door: a tool and a text wait for it.
    """

    def __init__(self, done: Counter[str], calls: dict[str, str], result: Any = "blue", *, rounds: int = 1) -> None:
        self.done = done
        self.heard: list[list[ModelMessage]] = []
        self.door = asyncio.Event()
        self._calls = calls
        self._rounds = rounds
        agent = Agent(FunctionModel(stream_function=self._model), system_prompt="Be brief.", instructions="Be kind.")

        @agent.tool_plain
        async def sky() -> Any:
            self.done["sky"] += 1
            if isinstance(result, Exception):
                raise result
            return result

        @agent.tool_plain
        async def sea() -> str:
            await self.door.wait()
            self.done["sea"] += 1
            return "wet"

        @agent.tool_plain(requires_approval=True)
        async def delete(path: str) -> str:
            self.done[path] += 1
            return f"deleted {path}"

        self.bot: WrappedBot = wrap(agent, "my:agent", 1)

    async def _model(self, messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        self.heard.append(list(messages))
        if sum(isinstance(message, ModelResponse) and bool(message.tool_calls) for message in messages) < self._rounds:
            yield "Let me see."
            for number, (id_, call) in enumerate(self._calls.items(), start=1):
                name, _, path = call.partition(" ")
                arguments = f'{{"path": "{path}"}}' if path else "{}"
                yield {number: DeltaToolCall(name=name, json_args=arguments, tool_call_id=id_)}
        else:
            yield "It is "
            await self.door.wait()
            yield " and ".join(self.results())

    def results(self) -> list[str]:
        """What the tools of the last step said, as the model reads it."""
        return [part.model_response_str() for part in self.heard[-1][-1].parts if isinstance(part, BaseToolReturnPart)]


def shown(reply: Message) -> list[Part]:
    return [part for part in reply.parts if not isinstance(part, Data)]


async def test_a_run_goes_on_behind_its_results(backend: Backend) -> None:
    done: Counter[str] = Counter()
    talk = await Talk.begin(backend)
    first, second = (Trip(done, {"c1": "sky"}) for _ in range(2))
    async with working(backend, first.bot):
        await talk.send("How is it?")
        await talk.shows("It is ")
    second.door.set()
    async with working(backend, second.bot):
        reply = await talk.outcome("m1")
    assert reply.msg == "Let me see.\n\nIt is blue"
    assert shown(reply) == [ToolCall("c1", "sky", {}), ToolResult("c1", "blue")]
    assert done == {"sky": 1}
    assert told(second.heard[0]) == told(first.heard[1]), "the same request again"
    usage = reply.parts[-1]
    assert isinstance(usage, Data)
    assert usage.value["input_tokens"] >= 2 * 50, "the request of the first worker counts too"


@pytest.mark.parametrize(
    "result",
    [
        "blue",
        type("Sky", (BaseModel,), {"__annotations__": {"color": str}, "__module__": __name__})(color="blue"),
        ToolReturn(["blue"], content=["See", BinaryContent(b"\xff\x00", media_type="image/png")], metadata=object()),
        ModelRetry("look again"),
    ],
    ids=["text", "model", "picture", "retry"],
)
async def test_of_the_tools_of_one_step_only_those_run_again_that_had_not_ended(backend: Backend, result: Any) -> None:
    done: Counter[str] = Counter()
    talk = await Talk.begin(backend)
    whole, first, second = (Trip(done, {"c1": "sky", "c2": "sea"}, result) for _ in range(3))
    for trip in (whole, second):
        trip.door.set()
    async with working(backend, whole.bot):
        expected = await talk.ask("How is it?")
    done.clear()
    async with working(backend, first.bot):
        await talk.send("How is it now?")
        async with asyncio.timeout(20):
            while not any(isinstance(part, ToolResult) for part in (await talk.shown())[1]):
                await asyncio.sleep(0.01)
    assert done == {"sky": 1}
    async with working(backend, second.bot):
        reply = await talk.outcome("m2")
    assert done == {"sky": 1, "sea": 1}
    assert len(first.heard) == len(second.heard) == 1
    assert (reply.msg, shown(reply)) == (expected.msg, shown(expected))
    assert told(second.heard[-1][-1:]) == told(whole.heard[-1][-1:])


def told(messages: list[ModelMessage]) -> list[tuple[str, object]]:
    """What the model is told by each part of a request, pictures as their bytes."""
    found: list[tuple[str, object]] = []
    for part in (part for message in messages for part in message.parts):
        content = part.model_response_str() if isinstance(part, BaseToolReturnPart) else getattr(part, "content", None)
        if isinstance(content, list):
            content = [one.data if isinstance(one, BinaryContent) else one for one in content]
        found.append((part.part_kind, content))
    return found


async def test_calls_of_different_steps_may_have_the_same_id(backend: Backend) -> None:
    trip = Trip(Counter(), {"call_0": "sky"}, rounds=2)
    trip.door.set()
    talk = await Talk.begin(backend)
    async with working(backend, trip.bot):
        await talk.ask("How is it?")
    assert trip.done == {"sky": 2}


@pytest.mark.parametrize(
    ("answers", "deleted", "said"),
    [
        (["approve", "Approve"], {"a", "b"}, "It is deleted a and deleted b"),
        (["Deny", "Approve"], {"b"}, "It is The tool call was denied. and deleted b"),
        (
            ["Approve", "not that one!"],
            {"a"},
            "It is deleted a and The user did not approve this, but said: not that one!",
        ),
    ],
)
async def test_a_tool_waits_for_approval(backend: Backend, answers: list[str], deleted: set[str], said: str) -> None:
    """Each message meets another worker."""
    done: Counter[str] = Counter()
    talk = await Talk.begin(backend)
    trips, replies = [], []
    for text in ("Tidy up", *answers):
        trips.append(Trip(done, {"c1": "delete a", "c2": "sky", "c3": "delete b"}))
        trips[-1].door.set()
        async with working(backend, trips[-1].bot):
            replies.append(await talk.ask(text))
    assert [reply.status for reply in replies] == [Status.COMPLETED] * 3
    first, second, last = replies
    assert first.msg == "Let me see.\n\nRun delete(path='a')?"
    assert first.parts[-1] == Question("Run delete(path='a')?", ["Approve", "Deny"])
    assert ToolResult("c2", "blue") in first.parts
    assert (second.msg, shown(second)) == ("Run delete(path='b')?", second.parts)
    assert last.msg.replace("It is blue and ", "It is ").replace(" and blue", "") == said
    assert done == dict.fromkeys(deleted | {"sky"}, 1)
    assert [type(part) for part in shown(last)] == [ToolCall, ToolResult] * 2
    assert {part.id for part in shown(last) if isinstance(part, ToolCall)} == {"c1", "c3"}
    assert [len(trip.heard) for trip in trips] == [1, 0, 1], "a question costs no request"


async def test_a_worker_dies_behind_an_approval(backend: Backend) -> None:
    done: Counter[str] = Counter()
    talk = await Talk.begin(backend)
    first, second = (Trip(done, {"c1": "delete a"}) for _ in range(2))
    async with working(backend, first.bot):
        await talk.ask("Tidy up")
        await talk.send("approve")
        await talk.shows("It is ")
    second.door.set()
    async with working(backend, second.bot):
        reply = await talk.outcome("m2")
    assert reply.msg == "It is deleted a"
    assert shown(reply) == [ToolCall("c1", "delete", {"path": "a"}), ToolResult("c1", "deleted a")]
    assert done == {"a": 1}
    [request] = second.heard
    assert [type(message) for message in request] == [ModelRequest, ModelResponse, ModelRequest]
    assert sum(isinstance(part, UserPromptPart) for message in request for part in message.parts) == 1
    assert isinstance(request[-1].parts[0], ToolReturnPart)


@pytest.mark.settings(reply_bytes=3000)
async def test_a_run_that_is_too_large_to_be_kept_goes_on(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    trip = Trip(Counter(), {"c1": "sky"}, "x" * 1400)
    trip.door.set()
    talk = await Talk.begin(backend)
    with caplog.at_level(logging.WARNING, "unbroken.models"):
        async with working(backend, trip.bot):
            reply = await talk.ask("How is it?")
    assert (reply.status, reply.msg[:30]) == (Status.COMPLETED, "Let me see.\n\nIt is " + "x" * 11)
    assert "at most 3000 are allowed" in caplog.text
    await until(lambda: trip.done["sky"] == 1)
