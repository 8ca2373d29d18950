"""A whole deployment for a test: Valkey, web server and worker."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from unbroken.backend import Backend
from unbroken.client import Client
from unbroken.config import Settings
from unbroken.embedded import Embedded
from unbroken.models.base import Bot
from unbroken.testing.chat import bot_of
from unbroken.testing.settings import settings as isolated
from unbroken.worker.bots import Bots
from unbroken.worker.worker import Worker

_DEFAULTS = {"port": 0, "partitions": 1, "sessions_per_minute": 0, "drain_grace": 5.0}
_PATIENCE = 30.0
"""Seconds that a server or a worker may take to start or to end."""


class Deployment(NamedTuple):
    """What runs.

    Attributes:
        url: where its server listens, on the loopback.
        client: speaks to it: `chat = await client.create("Ada")`.
        settings: what it runs with.
    """

    url: str
    client: Client
    settings: Settings


@asynccontextmanager
async def deployment(bot: object = None, **settings: Any) -> AsyncIterator[Deployment]:
    """Runs a Valkey of its own, a web server on a free port, and a worker, until the end of `async with`.

        async with deployment(bot) as site:
            chat = await site.client.create("Ada")
            sent = await chat.send("Hello")
            reply = await sent.reply()

    Server and worker run in this event loop, the Valkey in a process that dies with this one; its data are thrown away.
    Only from the main thread, which it holds up for some hundredths of a second while the Valkey starts.

    Args:
        bot: what `Chat` takes; None: what the settings name, such as `bots=Path("bots.toml")` or `model="demo"`.
        settings: any setting. With `redis_url` it is that Redis and none of its own; give it a `prefix` then.

    Raises:
        ConfigurationError: it cannot run like this: no Valkey comes along for this platform, it is no bot, there is no
            such setting; the message says what to change.
    """
    async with AsyncExitStack() as stack:
        given = dict(settings)
        if "redis_url" not in given:
            given["redis_url"] = stack.enter_context(_valkey())
        chosen = isolated(_DEFAULTS, given)
        bots = _bots(bot, chosen)
        await stack.enter_async_context(_working(chosen, bots))
        url = await stack.enter_async_context(_serving(chosen))
        client = await stack.enter_async_context(Client(url))
        yield Deployment(url, client, chosen)


@contextmanager
def _valkey() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="unbroken-") as folder, Embedded(Path(folder)) as server:
        yield server.address


class _Bots(Bots):
    """Bots that tell when they are ready."""

    def __init__(
        self, bots: Mapping[str, Bot], limits: Mapping[str, int] | None = None, titles: Mapping[str, bool] | None = None
    ) -> None:
        super().__init__(bots, limits, titles)
        self.ready = asyncio.Event()

    async def start(self) -> None:
        await super().start()
        self.ready.set()


def _bots(bot: object, settings: Settings) -> _Bots:
    return _Bots.load(settings) if bot is None else _Bots.of(bot_of(bot, settings))


@asynccontextmanager
async def _working(settings: Settings, bots: _Bots) -> AsyncIterator[None]:
    backend = await Backend.open(settings)
    try:
        worker = Worker(backend, bots)
        task = asyncio.create_task(worker.run())
        await _begun(task, bots.ready)
        try:
            yield
        finally:
            worker.stop()
            worker.stop()  # whatever runs still is of no use any more
            await asyncio.wait_for(task, _PATIENCE)
    finally:
        await backend.close()


@asynccontextmanager
async def _serving(settings: Settings) -> AsyncIterator[str]:
    from unbroken.server.app import create_app  # here, so that tests without it do not load a web framework
    from unbroken.server.bounds import Bounds
    from unbroken.server.run import Server

    class Quiet(Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield  # Ctrl-C is for the test run

        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            listening.set()

    listening = asyncio.Event()
    bounds = Bounds()
    server = Quiet(create_app(settings, bounds), settings, bounds)
    task = asyncio.create_task(server.serve())
    await _begun(task, listening)
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, _PATIENCE)


async def _begun(task: asyncio.Task[None], ready: asyncio.Event) -> None:
    """Waits until it is ready; raises what it raised if it ended instead."""
    waiting = asyncio.create_task(ready.wait())
    try:
        await asyncio.wait([task, waiting], timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if not ready.is_set():
            task.cancel()
            await task
    finally:
        waiting.cancel()
