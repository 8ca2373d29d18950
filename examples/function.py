"""A bot is any function of a turn; one that blocks may be plain. In this directory: `unbroken up function:bot`."""

import time
from collections.abc import Iterator

from unbroken import Turn
from unbroken.types import Piece, Source, ToolCall, ToolResult


def bot(turn: Turn) -> Iterator[Piece]:
    yield ToolCall("1", "count", {"text": turn.text})
    yield ToolResult("1", len(turn.text.split()))
    for word in f"Your message has {len(turn.text.split())} words, and is number {turn.number}.".split(" "):
        yield f"{word} "
        time.sleep(0.05)
    yield Source("https://en.wikipedia.org/wiki/Word", "What a word is")
