"""The examples as they are, run by a real worker: what arrives in the history."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.integration.worker.harness import Talk, working
from unbroken.backend import Backend
from unbroken.embedded import launch
from unbroken.models.base import load_bot
from unbroken.types import Data, Part, Question, Source, Status, ToolCall, ToolResult

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(autouse=True)
def _there(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In the directory of the examples, as their reader is."""
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(EXAMPLES)):
            del sys.modules[name]


@asynccontextmanager
async def talking(backend: Backend, spec: str) -> AsyncIterator[Talk]:
    # a worker loads its bot before it has a loop to block
    bot = await asyncio.to_thread(load_bot, backend.settings.model_copy(update={"bot": spec}))
    async with working(backend, bot):
        yield await Talk.begin(backend)


async def asked(backend: Backend, spec: str, text: str) -> tuple[str, list[Part]]:
    """The reply of a bot: its text, and its parts."""
    async with talking(backend, spec) as talk:
        reply = await talk.ask(text)
    assert reply.status is Status.COMPLETED, reply.error
    return reply.msg, reply.parts


def test_the_guide_shows_the_examples() -> None:
    guide = (EXAMPLES.parent / "docs/how-to/bots.md").read_text()
    sources = [example.read_text() for example in EXAMPLES.glob("*.py")]
    snippets = re.findall("```python\n(.+?)```", guide, re.DOTALL)
    assert len(snippets) == 5
    assert [snippet for snippet in snippets if not any(snippet in source for source in sources)] == []
    assert all(len(source.splitlines()) <= 30 for source in sources)


async def test_ten_lines(backend: Backend) -> None:
    assert await asked(backend, "ten_lines:bot", "Hey") == ("Ann, your message number 1 was: Hey ", [])


async def test_a_function(backend: Backend) -> None:
    text, parts = await asked(backend, "function:bot", "one two three")
    assert text == "Your message has 3 words, and is number 1. "
    assert parts == [
        ToolCall("1", "count", {"text": "one two three"}),
        ToolResult("1", 3),
        Source("https://en.wikipedia.org/wiki/Word", "What a word is"),
    ]


async def test_an_agent_of_pydantic_ai(backend: Backend) -> None:
    text, parts = await asked(backend, "pydantic_agent:agent", "How is the sky?")
    assert text == "I looked at the sky for you."
    call, result, usage = parts
    assert isinstance(call, ToolCall)
    assert isinstance(usage, Data)
    assert (call.name, call.arguments) == ("sky", {"city": "a"})
    assert result == ToolResult(call.id, {"city": "a", "sky": "blue"})
    assert usage.name == "usage"


async def test_a_graph_of_langgraph(backend: Backend) -> None:
    async with talking(backend, "langgraph_bot:graph") as talk:
        replies = [(await talk.ask("Hey")).msg for _ in range(3)]
    answer = "I am a graph, and this is all that I can say."
    assert replies == [f"You asked {count} times.\n\n{answer}" for count in (1, 2, 3)]


async def test_a_human_approves(backend: Backend) -> None:
    async with talking(backend, "approval:bot") as talk:
        asked = await talk.ask("Tidy up")
        kept = await talk.ask("no, keep them")
        await talk.ask("Tidy up")
        gone = await talk.ask("delete")
        await talk.ask("Tidy up")
        nothing = (await talk.history())[-1]
    assert asked.msg == "There are 2 files: access.log, debug.log.\n\nDelete them?"
    assert asked.parts == [Question("Delete them?", ["Delete", "Keep"])]
    assert (kept.msg, gone.msg) == ("Nothing happened to them.", "They are gone.")
    assert nothing.msg == "There is nothing to delete."


@pytest.mark.parametrize("spec", ["ag_ui_bot:bot", "ag-ui:{url}"])
async def test_an_agent_behind_http(
    backend: Backend, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch, spec: str
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    monkeypatch.setenv("AGENT_URL", url)
    # tied to this process: it does not outlive a test run that is killed
    tied = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid())]
    command = [sys.executable, "-m", "uvicorn", "ag_ui_bot:app", "--port", str(port), "--log-level", "warning"]
    with subprocess.Popen([*tied, *command]) as server:
        try:
            await answering(url, server)
            text, parts = await asked(backend, spec.format(url=url), "Hello")
        finally:
            server.kill()
    assert text == "I am an agent behind HTTP."
    assert [part.name for part in parts if isinstance(part, Data)] == ["usage"]


async def answering(url: str, server: subprocess.Popen[bytes], timeout: float = 60.0) -> None:
    """Waits until a server takes requests."""
    end = time.monotonic() + timeout
    async with aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(url):
                    return
            except aiohttp.ClientError:
                assert server.poll() is None, "the server ended"
                assert time.monotonic() < end, "the server does not answer"
                await asyncio.sleep(0.05)
