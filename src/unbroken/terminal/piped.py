"""Talking without a terminal: one message for each line that comes in, one reply after the other out."""

from __future__ import annotations

import asyncio
import sys
import threading

from unbroken.client import Chat
from unbroken.terminal import parts
from unbroken.terminal.look import complain, console
from unbroken.types import Data, Message, Status


async def answer_lines(chat: Chat) -> int:
    """Sends every line of stdin and prints the reply to it before the next one is sent.

    Replies come out whole: text that was printed cannot be taken back if its worker dies. With the text go its sources,
    its files and the options of a question, which the next line answers; how the reply came about goes to stderr.
    Returns 0, or 1 if a reply failed.

    Raises:
        Refused: a message was refused, or the session ended.
    """
    lines = _lines()
    code = 0
    while (line := await lines.get()) is not None:
        if line.strip():
            asked = chat.transcript.open_question
            text = parts.chosen(asked.question.options, line) if asked else line
            reply = await (await chat.send(text, answers=asked.reply_id if asked else None)).reply()
            _show(reply)
            code |= _failed(reply)
    return code


def _show(reply: Message) -> None:
    aside = [part for part in reply.parts if isinstance(part, Data)]
    told = [part for part in reply.parts if not isinstance(part, Data)]
    screen = console(stderr=True)
    for line in parts.above(told):
        screen.print(line, soft_wrap=True)
    for text in [reply.msg, *(line.plain for line in parts.below(told))]:
        print(text, flush=True)  # noqa: T201 - what this command is for
    for line in parts.below(aside):
        screen.print(line, soft_wrap=True)


def _failed(reply: Message) -> int:
    if reply.status is Status.COMPLETED:
        return 0
    stopped = "a later message is answered together with this one" if reply.merged_into else "the reply was stopped"
    complain(reply.error.message if reply.error else stopped)
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
