"""A server of responses that keeps them in the background, as OpenAI documents it, and does what a test tells it to."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.integration.models.faulty import port_of

Script = Sequence[str | tuple[str, dict[str, Any]]]
"""What a response says, piece by piece: text, or whole events. It waits at "…" until the server is told to go on."""


def thought(text: str) -> tuple[str, dict[str, Any]]:
    return "response.reasoning_summary_text.delta", {"item_id": "rs", "summary_index": 0, "delta": text}


class Kept:
    """A response in the background: its events, which come whoever listens."""

    def __init__(self, name: str, background: bool) -> None:
        self.name = name
        self.events: list[dict[str, Any]] = []
        self.output: list[Any] = []
        self.status = "queued"
        self.background = background
        self.news = asyncio.Condition()

    def seen(self, **more: Any) -> dict[str, Any]:
        return {"id": self.name, "status": self.status, "background": self.background, "output": self.output, **more}

    async def add(self, kind: str, **more: Any) -> None:
        async with self.news:
            self.events.append({"type": kind, "sequence_number": len(self.events), **more})
            self.news.notify_all()

    async def event(self, number: int) -> dict[str, Any]:
        async with self.news:
            await self.news.wait_for(lambda: len(self.events) > number)
        return self.events[number]

    async def end(self, status: str, **more: Any) -> None:
        if self.status != "cancelled":
            self.status = status
            await self.add(f"response.{status}", response=self.seen(**more))


class ResponseServer:
    """Answers every request with the next script; the last one is repeated.

    Attributes:
        background: whether it keeps responses: yes, no (it ignores the wish), or it "refuses" the wish.
        streamable: whether a response can be streamed again.
        cut: after how many events each connection breaks; None: never.
        asked: the requests for responses.
        attached: the queries of those who came back.
        cancelled: the ids of what was cancelled.
    """

    def __init__(self, *scripts: Script) -> None:
        self._scripts = list(scripts)
        self.background: bool | str = True
        self.streamable = True
        self.cut: int | None = None
        self.usage: dict[str, int] | None = {"input_tokens": 5, "output_tokens": 3}
        self.go = asyncio.Event()
        self.kept: dict[str, Kept] = {}
        self.asked: list[dict[str, Any]] = []
        self.attached: list[dict[str, str]] = []
        self.polled = 0
        self.cancelled: list[str] = []
        self._running: set[asyncio.Task[None]] = set()
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ResponseServer]:
        app = web.Application()
        app.router.add_post("/v1/responses", self._create)
        app.router.add_get("/v1/responses/{id}", self._retrieve)
        app.router.add_post("/v1/responses/{id}/cancel", self._cancel)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{port_of(runner)}/v1"
        try:
            yield self
        finally:
            for task in self._running:
                task.cancel()
            await runner.cleanup()

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if self.background == "refused" and body.keys() & {"background", "store"}:
            return web.json_response({"error": {"message": "background must be false"}}, status=422)
        self.asked.append(body)
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        kept = Kept(f"resp_{len(self.asked)}", self.background is True and body.get("background") is True)
        self.kept[kept.name] = kept
        task = asyncio.create_task(self._run(kept, script))
        self._running.add(task)
        if not body.get("stream"):
            await task
            return web.json_response(kept.seen())
        return await self._stream(request, kept, -1)

    async def _run(self, kept: Kept, script: Script) -> None:
        await kept.add("response.created", response=kept.seen())
        kept.status = "in_progress"
        said = ""
        for piece in script:
            if piece == "…":
                await self.go.wait()
            elif isinstance(piece, str):
                said += piece
                await kept.add("response.output_text.delta", item_id="msg", delta=piece)
            else:
                await kept.add(piece[0], **piece[1])
            await asyncio.sleep(0)
        thoughts = "".join(e["delta"] for e in kept.events if "reasoning" in e["type"])
        kept.output = [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": thoughts}] if thoughts else []},
            {"type": "message", "content": [{"type": "output_text", "text": said}]},
        ]
        if "response" not in kept.events[-1] or kept.events[-1]["type"] == "response.created":
            await kept.end("completed", usage=self.usage)

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        kept = self.kept.get(request.match_info["id"])
        if kept is None:
            return web.json_response({"error": {"message": "not found"}}, status=404)
        if request.query.get("stream") != "true":
            self.polled += 1
            return web.json_response(kept.seen(usage=self.usage))
        self.attached.append(dict(request.query))
        if not self.streamable:
            message = "This response can no longer be streamed because it is more than 5 minutes old"
            return web.json_response({"error": {"message": message}}, status=400)
        return await self._stream(request, kept, int(request.query.get("starting_after", -1)))

    async def _stream(self, request: web.Request, kept: Kept, after: int) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number in itertools.count(after + 1):
            event = await kept.event(number)
            data = json.dumps(event, ensure_ascii=False)
            await response.write(f"event: {event['type']}\ndata: {data}\n\n".encode())
            if event.get("response", {}).get("status") in ("completed", "failed", "cancelled"):
                break
            if number - after == self.cut:
                assert request.transport is not None
                request.transport.abort()
                break
        return response

    async def _cancel(self, request: web.Request) -> web.Response:
        kept = self.kept[request.match_info["id"]]
        self.cancelled.append(kept.name)
        await kept.end("cancelled")
        return web.json_response(kept.seen())
