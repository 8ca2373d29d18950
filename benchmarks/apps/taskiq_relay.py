"""FastAPI with taskiq: taskiq's command runs `broker`, uvicorn runs `app`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocket
from taskiq_redis import RedisStreamBroker

from benchmarks.apps.relay import connect, publish, relay

URL = os.environ["REDIS_URL"]
broker = RedisStreamBroker(URL, max_connection_pool_size=20_000)
redis = connect(URL)


@broker.task
async def reply(channel: str, message: str) -> None:
    """Runs in the worker."""
    await publish(redis, channel, message)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connects the broker, as taskiq's docs ask for."""
    await broker.startup()
    yield
    await broker.shutdown()


app = FastAPI(lifespan=lifespan)


@app.websocket("/ws")
async def chat(websocket: WebSocket) -> None:
    """Serves a socket."""
    await relay(websocket, redis, reply.kiq)
