"""The parts that server and worker of the tutorial's design share: JSON documents, and streams as queues."""

from __future__ import annotations

import json
import os
import uuid
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

MESSAGES = "message_channel"
TTL = 3600


def replies(token: str) -> str:
    """The stream of a session's replies."""
    return f"response_channel:{token}"


def connection() -> Redis:
    """A client of its own for whoever asks."""
    # It waits for a stream as long as it must, where the library would give up after seconds.
    return Redis.from_url(os.environ["REDIS_URL"], decode_responses=True, socket_timeout=None)


def message(text: str) -> dict[str, str]:
    """A message as it is stored."""
    return {"id": str(uuid.uuid4()), "msg": text, "timestamp": str(datetime.now(UTC))}


async def add(redis: Redis, stream: str, token: str, data: str) -> None:
    """Appends to a stream."""
    await redis.xadd(stream, {token: data})


async def consume(redis: Redis, stream: str) -> tuple[str, str, str]:
    """Waits for the oldest entry of a stream; its id, token and data."""
    answer: Any = await redis.xread({stream: "0-0"}, count=1, block=0)
    ((_, ((entry, fields),)),) = answer
    ((token, data),) = fields.items()
    return entry, token, data


async def create(redis: Redis, token: str, name: str) -> dict[str, Any]:
    """Stores a new chat."""
    chat: dict[str, Any] = {"token": token, "messages": [], "name": name, "session_start": str(datetime.now(UTC))}
    await redis.json().set(token, ".", chat)
    await redis.expire(token, TTL)
    return chat


async def remember(redis: Redis, token: str, source: str, said: dict[str, str]) -> None:
    """Appends a message to the chat."""
    await redis.json().arrappend(token, ".messages", {**said, "msg": f"{source}: {said['msg']}"})


async def history(redis: Redis, token: str) -> list[dict[str, str]]:
    """All messages of the chat."""
    chat: Any = await redis.json().get(token)
    found: list[dict[str, str]] = chat["messages"]
    return found


def encode(said: dict[str, str]) -> str:
    """A message on its way."""
    return json.dumps(said)
