"""What a task queue needs beside it to stream: the task publishes, and the socket's handler listens and passes on.

A channel of its own for each socket, subscribed once, as the docs of redis-py do it. What is published while nobody
listens is gone; what was said is stored nowhere.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable

from fastapi import WebSocket, WebSocketDisconnect
from redis.asyncio import Redis

from benchmarks.bot import answer

END = "END"


def connect(url: str) -> Redis:
    """A client with room for all sockets and all tasks; by default it refuses the hundredth connection."""
    return Redis.from_url(url, decode_responses=True, max_connections=20_000)


async def relay(websocket: WebSocket, redis: Redis, enqueue: Callable[[str, str], Awaitable[object]]) -> None:
    """Serves a socket: hands each text to the queue and passes on what comes back."""
    await websocket.accept()
    channel = f"reply:{uuid.uuid4()}"
    async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        await pubsub.subscribe(channel)
        try:
            while True:
                await enqueue(channel, await websocket.receive_text())
                async for message in pubsub.listen():
                    await websocket.send_text(message["data"])
                    if message["data"] == END:
                        break
        except WebSocketDisconnect:
            pass


async def publish(redis: Redis, channel: str, message: str) -> None:
    """The task: runs the bot and publishes what it says."""
    async for chunk in answer(message):
        await redis.publish(channel, chunk)
    await redis.publish(channel, END)
