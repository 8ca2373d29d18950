"""A worker that is killed while its agent speaks, and another that ends the reply."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.integration.worker.harness import Talk
from tests.integration.worker.process import WorkerProcess
from unbroken.backend import Backend
from unbroken.embedded import Embedded
from unbroken.protocol import ReplyStarted, decode_event
from unbroken.types import ToolCall, ToolResult

AGENT = """
import asyncio
from pathlib import Path
from pydantic_ai import Agent
from pydantic_ai.messages import ToolReturnPart
from pydantic_ai.models.function import DeltaToolCall, FunctionModel

here = Path(__file__).parent

async def model(messages, info):
    if not any(isinstance(part, ToolReturnPart) for part in messages[-1].parts):
        yield "Let me write."
        yield {1: DeltaToolCall(name="write", json_args='{"line": "one"}', tool_call_id="c1")}
    else:
        yield "It is "
        while not (here / "door").exists():
            await asyncio.sleep(0.01)
        yield "written."

agent = Agent(FunctionModel(stream_function=model))

@agent.tool_plain
def write(line: str) -> str:
    with (here / "lines").open("a") as file:
        file.write(line + "\\n")
    return "done"
"""


@pytest.mark.settings(partitions=2)
async def test_a_tool_is_run_once_and_the_reply_is_whole(
    backend: Backend, valkey: Embedded, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "writer.py").write_text(AGENT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    talk = await Talk.begin(backend)
    await talk.send("Write it down")
    with WorkerProcess(valkey.address, prefix, "writer:agent") as worker:
        await talk.shows("It is ")
        worker.signal(signal.SIGKILL)
    call, result = ToolCall("c1", "write", {"line": "one"}), ToolResult("c1", "done")
    with WorkerProcess(valkey.address, prefix, "writer:agent"):
        async with asyncio.timeout(20):
            while (started := await newest_start(talk)).attempt == 1:
                await asyncio.sleep(0.01)
        assert (started.text, started.parts) == ("Let me write.", [call, result]), "what its reader goes on to see"
        (tmp_path / "door").touch()
        reply = await talk.outcome("m1")
    assert (tmp_path / "lines").read_text() == "one\n"
    assert (reply.msg, reply.parts[:2]) == ("Let me write.\n\nIt is written.", [call, result])


async def newest_start(talk: Talk) -> ReplyStarted:
    events = [decode_event(entry.frame) for entry in await talk.log()]
    return [event for event in events if isinstance(event, ReplyStarted)][-1]
