"""Talking without a terminal: one message for each line that comes in, one reply after the other out."""

from __future__ import annotations

import asyncio
import sys
import threading

from unbroken.client import Chat
from unbroken.terminal.look import complain
from unbroken.types import Message, Status


async def answer_lines(chat: Chat) -> int:
    """Sends every line of stdin and prints the reply to it before the next one is sent.

    Replies come out whole: text that was printed cannot be taken back if its worker dies. Returns 0, or 1 if a reply
    failed.

    Raises:
        Refused: a message was refused, or the session ended.
    """
    lines = _lines()
    code = 0
    while (line := await lines.get()) is not None:
        if line.strip():
            reply = await (await chat.send(line)).reply()
            print(reply.msg, flush=True)  # noqa: T201 - what this command is for
            code |= _failed(reply)
    return code


def _failed(reply: Message) -> int:
    if reply.status is Status.COMPLETED:
        return 0
    complain(reply.error.message if reply.error else "the reply was stopped")
    return 1


def _lines() -> asyncio.Queue[str | None]:
    """Stdin in a thread: it may be a file, which an event loop cannot wait for. None ends it."""
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line.rstrip("\n"))
        loop.call_soon_threadsafe(lines.put_nowait, None)

    # a daemon: if the session ends first, nobody waits for another line
    threading.Thread(target=read, name="stdin", daemon=True).start()
    return lines
