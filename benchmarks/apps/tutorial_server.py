"""The web server of the tutorial's design."""

from __future__ import annotations

import uuid
from typing import Any

from fastapi import FastAPI, HTTPException, WebSocket, WebSocketDisconnect, status

from benchmarks.apps import tutorial

app = FastAPI()


@app.post("/token")
async def token_generator(name: str) -> dict[str, Any]:
    """Begins a chat."""
    if not name:
        raise HTTPException(400, {"loc": "name", "msg": "Enter a valid name"})
    redis = tutorial.connection()
    try:
        return await tutorial.create(redis, str(uuid.uuid4()), name)
    finally:
        await redis.aclose()


@app.websocket("/chat")
async def chat(websocket: WebSocket, token: str) -> None:
    """Queues each text, then waits for its reply before it reads the next."""
    redis = tutorial.connection()
    try:
        if not await redis.exists(token):
            await websocket.close(status.WS_1008_POLICY_VIOLATION)
            return
        await websocket.accept()
        while True:
            await tutorial.add(redis, tutorial.MESSAGES, token, await websocket.receive_text())
            entry, _, reply = await tutorial.consume(redis, tutorial.replies(token))
            await websocket.send_text(reply)
            await redis.xdel(tutorial.replies(token), entry)
    except WebSocketDisconnect:
        pass
    finally:
        await redis.aclose()
