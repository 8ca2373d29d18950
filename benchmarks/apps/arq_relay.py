"""FastAPI with arq: arq's command runs `WorkerSettings`, uvicorn runs `app`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from arq import create_pool
from arq.connections import RedisSettings
from fastapi import FastAPI, WebSocket

from benchmarks.apps.relay import connect, publish, relay

URL = os.environ["REDIS_URL"]
LOG = {"version": 1, "disable_existing_loggers": False, "loggers": {"arq": {"level": "WARNING"}}}
"""By default it writes two lines for every job."""
SETTINGS = RedisSettings.from_dsn(URL)
redis = connect(URL)


async def reply(context: dict[str, Any], channel: str, message: str) -> None:
    """Runs in the worker."""
    await publish(redis, channel, message)


class WorkerSettings:
    """Read by arq's command."""

    functions: ClassVar[list[Any]] = [reply]
    redis_settings = SETTINGS
    # The default of ten would be ten replies at once. Nobody asks for results.
    max_jobs = 10_000
    keep_result = 0


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connects to the queue."""
    app.state.queue = await create_pool(SETTINGS)
    yield
    await app.state.queue.aclose()


app = FastAPI(lifespan=lifespan)


@app.websocket("/ws")
async def chat(websocket: WebSocket) -> None:
    """Serves a socket."""

    async def enqueue(channel: str, message: str) -> None:
        await app.state.queue.enqueue_job("reply", channel, message)

    await relay(websocket, redis, enqueue)
