"""A model server that does what a test tells it to, request by request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Act = Callable[[web.Request], Awaitable[web.StreamResponse]]


def delta(text: str, **more: Any) -> bytes:
    """One event of a stream."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None, **more}
    return b"data: " + json.dumps({"choices": [choice]}, ensure_ascii=False).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def answer(status: int, body: object = None, **headers: str) -> Act:
    """Answers with a status and a JSON body."""

    async def act(_: web.Request) -> web.StreamResponse:
        return web.json_response(
            body, status=status, headers={name.replace("_", "-"): h for name, h in headers.items()}
        )

    return act


def stream(*chunks: bytes | float, cut: bool = False) -> Act:
    """Streams bytes, each in a write of its own; numbers are pauses in seconds. `cut` drops the connection then."""

    async def act(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for chunk in chunks:
            if isinstance(chunk, bytes):
                await response.write(chunk)
                await asyncio.sleep(0.001)
            else:
                await asyncio.sleep(chunk)
        if cut:
            assert request.transport is not None
            request.transport.abort()
        return response

    return act


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Drops the connection instead of an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def port_of(runner: web.AppRunner) -> int:
    """The port that it was given."""
    return int(runner.addresses[0][1])


class FaultyServer:
    """Acts in turn; the last act is repeated. Keeps the requests."""

    def __init__(self, *acts: Act) -> None:
        self._acts = list(acts)
        self.requests: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.times.append(asyncio.get_running_loop().time())
        self.headers.append(dict(request.headers))
        self.requests.append(await request.json() if request.can_read_body else {})
        act = self._acts.pop(0) if len(self._acts) > 1 else self._acts[0]
        return await act(request)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FaultyServer]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{port_of(runner)}/v1"
        try:
            yield self
        finally:
            await runner.cleanup()
