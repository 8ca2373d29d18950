"""A deployment of two bots in this process: one that repeats, and one that asks before it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.integration.server.site import Site, serving
from unbroken.backend import Backend
from unbroken.models.wrap import wrap
from unbroken.server.bounds import Bounds
from unbroken.turn import Turn
from unbroken.types import Data, File, Piece, Reasoning, Source, ToolCall, ToolResult
from unbroken.worker.bots import Bots
from unbroken.worker.worker import Worker

FILE = """
[support]
title = "Support"
welcome = "How can I help?"
prompts = ["Where is my order?"]

[agent]
policy = "reject"
"""


async def support(turn: Turn) -> str:
    return f"support: {turn.text}"


async def agent(turn: Turn) -> AsyncIterator[Piece]:
    if turn.text == "wait":
        await asyncio.Event().wait()
    yield Reasoning("Which files?")
    yield ToolCall("1", "list", {"folder": "."})
    yield ToolResult("1", ["a", "b"])
    yield "There are two."
    answer = await turn.ask("Delete them?", ["Yes", "No"])
    yield f"{answer} it is."
    yield Source("https://example.com", "Manual")
    yield File("https://example.com/log.txt", "log", "text/plain", 12)
    yield Data("usage", {"input_tokens": 10, "output_tokens": 2})


@asynccontextmanager
async def deployment(backend: Backend, folder: Path) -> AsyncIterator[Site]:
    """A server and a worker that run both bots."""
    file = folder / "bots.toml"
    file.write_text(FILE)
    settings = backend.settings.model_copy(update={"drain_grace": 1.0, "session_ttl": 600, "bots": file})
    bots = {"support": wrap(support, "test:support", 9), "agent": wrap(agent, "test:agent", 9)}
    worker = Worker(backend, Bots(bots))
    task = asyncio.create_task(worker.run())
    try:
        async with serving(settings, Bounds()) as site:
            yield site
    finally:
        worker.stop()
        worker.stop()
        await asyncio.wait_for(task, 20)
