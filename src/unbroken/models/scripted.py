"""A bot that does what the message says, for tests of everything around it.

A message is a script: steps separated by `;`, each a word and its argument.

    say some text         one piece of text
    count 64              that many pieces: "1 ", "2 " … "64 "
    pace 0.02             from here on, sleep so many seconds before each piece
    sleep 0.5             sleep once
    think some text       a piece of reasoning
    keep some text        a checkpoint
    once name             count, in this process, how often the step of this name was really done
    ask some text         a question; the answer is said as one piece of text
    title some text       give the session this name
    wait name             go on when `open("name")` was called, in this process
    hang                  go on never
    fail some text        fail, with this text for the user
    raise some text       raise an ordinary exception
    block 2               block the event loop for so many seconds
    exit                  end the process at once, as a crash would

A message that is no script is answered with itself.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping

from unbroken.errors import BotError
from unbroken.turn import Turn
from unbroken.types import Piece, Reasoning

_STEPS = frozenset(
    {
        "say",
        "count",
        "pace",
        "sleep",
        "think",
        "wait",
        "hang",
        "fail",
        "raise",
        "block",
        "exit",
        "keep",
        "once",
        "ask",
        "title",
    }
)


class Scripted:
    """A bot that does what the message says.

    Args:
        scripts: message → script, for messages that do not hold their own.
        continues: whether it continues partial texts.

    Attributes:
        turns: every turn that was begun, in order.
        waiting: how many replies stand at the `wait` of a name.
        done: how often the steps of `once` were done.
    """

    name = "scripted"

    def __init__(self, scripts: Mapping[str, str] | None = None, *, continues: bool = False) -> None:
        self.continues = continues
        self.turns: list[Turn] = []
        self.waiting: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self._scripts = scripts or {}
        self._gates: dict[str, asyncio.Event] = {}

    async def start(self) -> None:
        """Needs nothing."""

    async def close(self) -> None:
        """Holds nothing."""

    def open(self, name: str) -> None:
        """Lets every reply that waits for this name go on, now and later."""
        self._gate(name).set()

    def _gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())

    async def reply(self, turn: Turn) -> AsyncIterator[Piece]:
        """Runs the script of the message, past the text that an earlier attempt already showed."""
        self.turns.append(turn)
        skip = len(turn.partial) if self.continues else 0
        pace = 0.0
        kept = turn.saved  # what an earlier attempt did until its checkpoint need not be done again
        for word, rest in steps(self._scripts.get(turn.text, turn.text)):
            if word == "pace":
                pace = float(rest)
            if kept is not None and not self.continues:
                if (word, rest) == ("keep", kept):
                    kept = None
                continue
            await self._tell(turn, word, rest)
            async for piece in self._step(turn, word, rest):
                if isinstance(piece, str) and skip and not turn.replaying:
                    piece, skip = piece[skip:], max(0, skip - len(piece))
                    if not piece:
                        continue
                await asyncio.sleep(pace)
                yield piece

    async def _tell(self, turn: Turn, word: str, rest: str) -> None:
        """The steps that keep something."""
        match word:
            case "keep":
                await turn.checkpoint(rest)
            case "once":
                await turn.once(rest, lambda: self.done.update([rest]))
            case "title":
                await turn.rename(rest)

    async def _step(self, turn: Turn, word: str, rest: str) -> AsyncIterator[Piece]:
        match word:
            case "say" | "ask":
                yield rest if word == "say" else await turn.ask(rest)
            case "count":
                for number in range(1, int(rest) + 1):
                    yield f"{number} "
            case "think":
                yield Reasoning(rest)
            case "sleep":
                await asyncio.sleep(float(rest))
            case "wait":
                self.waiting[rest] += 1
                await self._gate(rest).wait()
                self.waiting[rest] -= 1
            case "hang":
                await asyncio.Event().wait()
            case "fail":
                raise BotError("the script fails", public=rest)
            case "raise":
                raise RuntimeError(rest)
            case "block":
                time.sleep(float(rest))  # noqa: ASYNC251 - what a careless bot does
            case "exit":
                os._exit(70)


def steps(text: str) -> list[tuple[str, str]]:
    """Reads a script; a text that is none is one step that says it."""
    found = []
    for step in text.split(";"):
        word, _, rest = step.strip().partition(" ")
        if word not in _STEPS:
            return [("say", text)]
        found.append((word, rest))
    return found


bot = Scripted()
continuing = Scripted(continues=True)
