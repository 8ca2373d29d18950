"""A WebSocket handler that makes the chunks itself: no queue, no store, and what was said is lost with the socket."""

from __future__ import annotations

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from benchmarks.bot import answer

app = FastAPI()


@app.websocket("/ws")
async def chat(websocket: WebSocket) -> None:
    """Answers each text before it reads the next."""
    await websocket.accept()
    try:
        while True:
            message = await websocket.receive_text()
            async for chunk in answer(message):
                await websocket.send_text(chunk)
            await websocket.send_text("END")
    except WebSocketDisconnect:
        pass
