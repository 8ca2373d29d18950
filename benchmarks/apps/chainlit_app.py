"""Chainlit, as its page on streaming does it: `chainlit run benchmarks/apps/chainlit_app.py --headless`."""

from __future__ import annotations

import chainlit as cl

from benchmarks.bot import answer


@cl.on_message
async def main(message: cl.Message) -> None:
    """Streams a reply."""
    reply = cl.Message(content="")
    async for chunk in answer(message.content):
        await reply.stream_token(chunk)
    await reply.update()
