"""Workers are killed in the middle of answers: readers get one unbroken text, and the model does nothing twice."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.integration.models.faulty import DONE, FaultyServer, answer, delta, stream
from tests.integration.models.response_server import ResponseServer, thought
from tests.integration.worker.harness import Talk, until, working
from tests.integration.worker.process import WorkerProcess
from unbroken.backend import Backend
from unbroken.embedded import Embedded
from unbroken.log import Kind
from unbroken.models.responses import Responses
from unbroken.protocol import ReplyDelta, ReplyStarted, decode_event
from unbroken.types import Data, Part, Reasoning, Status

pytestmark = pytest.mark.settings(partitions=2)

BOTS = """
[chat]
model = "m"
model_url = "{chat}"

[background]
model = "m"
model_url = "{background}"
model_api = "responses"
"""


@asynccontextmanager
async def worker(address: str, bots: Path, prefix: str) -> AsyncIterator[WorkerProcess]:
    """A worker, which speaks to the servers of this process while it starts."""
    process = WorkerProcess(address, prefix, "", bots=bots)
    await asyncio.to_thread(process.__enter__)
    try:
        yield process
    finally:
        process.__exit__(*sys.exc_info())


async def begun(request: web.Request) -> web.StreamResponse:
    """Says the beginning of an answer, and then nothing."""
    return await stream(delta("one "), delta("two "), 600.0)(request)


async def unbroken(talk: Talk) -> None:
    """Every attempt began with all that its reader had."""
    said, starts = "", 0
    for entry in await talk.log():
        match decode_event(entry.frame):
            case ReplyStarted(text=text) if entry.kind is Kind.STARTED:
                assert text == said
                starts += 1
            case ReplyDelta(text=text):
                said += text
    assert starts == 2


async def test_kill_9_in_the_middle_of_answers(backend: Backend, valkey: Embedded, prefix: str, tmp_path: Path) -> None:
    door = asyncio.Event()

    async def the_rest(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(delta("three "))
        await door.wait()
        await response.write(delta("four") + b'data: {"usage":{"prompt_tokens":9,"completion_tokens":2}}\n\n' + DONE)
        return response

    vllm = answer(200, {"data": [{"id": "m", "owned_by": "vllm"}]})
    async with (
        FaultyServer(vllm, begun, vllm, the_rest).running() as chat,
        ResponseServer([thought("Hm."), "one ", "two ", "…", "three ", "four"]).running() as background,
    ):
        bots = tmp_path / "bots.toml"
        bots.write_text(BOTS.format(chat=chat.url, background=background.url))
        sessions = {name: (await backend.store.create("Ann", name))[1] for name in ("chat", "background")}
        talks = {name: Talk(backend, session.id) for name, session in sessions.items()}
        async with worker(valkey.address, bots, prefix) as first:
            for talk in talks.values():
                await talk.send("count")
            for talk in talks.values():
                await talk.shows("one two ")
            first.signal(signal.SIGKILL)
            first.wait()
        async with worker(valkey.address, bots, prefix):
            await talks["chat"].shows("one two three ")
            while not background.attached:
                await asyncio.sleep(0.01)
            for talk in talks.values():
                await unbroken(talk)
            door.set()
            background.go.set()
            replies = {name: await talk.outcome("m1") for name, talk in talks.items()}

    assert {name: reply.msg for name, reply in replies.items()} == dict.fromkeys(talks, "one two three four")
    parts: dict[str, list[Part]] = {
        "chat": [Data("usage", {"input_tokens": 9, "output_tokens": 2})],
        "background": [Reasoning("Hm."), Data("usage", {"input_tokens": 5, "output_tokens": 3})],
    }
    assert {name: reply.parts for name, reply in replies.items()} == parts
    _, asked, _, again = chat.requests
    assert asked["messages"] == [{"role": "user", "content": "count"}]
    assert again["messages"] == [*asked["messages"], {"role": "assistant", "content": "one two "}]
    assert again["continue_final_message"] is True
    assert (len(background.asked), len(background.attached), background.cancelled) == (1, 1, [])


async def test_only_its_reader_stops_a_response(backend: Backend) -> None:
    """A worker that is replaced leaves it to the next one."""
    async with ResponseServer(["one ", "two ", "…"]).running() as server:
        talk = await Talk.begin(backend)
        async with working(backend, Responses(server.url, "m")):
            await talk.send("count")
            await talk.shows("one two ")
        assert server.cancelled == []
        async with working(backend, Responses(server.url, "m")):
            await until(lambda: server.attached)
            await unbroken(talk)
            await backend.queue.cancel(talk.session, "m1")
            reply = await talk.outcome("m1")
            await until(lambda: server.cancelled)
        assert (reply.status, reply.msg) == (Status.CANCELLED, "one two ")
        assert len(server.asked) == 1
