"""A bot that needs no key and no network, and says plainly that it is no AI.

It is there to try everything else with: reload the page, stop the answer, kill the worker, all while it talks. Its
answers depend on the message alone, so another worker continues one at exactly the character where it stopped.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from unbroken.errors import BotError
from unbroken.turn import Turn
from unbroken.types import Piece, Reasoning

PACE = 0.025
"""Seconds for each token: about as fast as people are used to from models."""

_TOKENS = re.compile(r"\s*\S{1,12}")


class Answer(NamedTuple):
    """What to say, and how."""

    text: str
    thought: str = ""
    pace: float = PACE
    fails: bool = False


class Demo:
    """The demo bot.

    Args:
        pace: seconds for each token, of answers at the usual speed.
    """

    name = "demo"
    continues = True

    def __init__(self, pace: float = PACE) -> None:
        self._factor = pace / PACE

    async def start(self) -> None:
        """Needs nothing."""

    async def close(self) -> None:
        """Holds nothing."""

    async def reply(self, turn: Turn) -> AsyncIterator[Piece]:
        """Says the rest of the answer: all of it, or what follows `turn.partial`."""
        said = answer(turn.text)
        pace = said.pace * self._factor
        if said.thought and not turn.partial:
            for token in tokens(said.thought):
                yield Reasoning(token)
                await asyncio.sleep(pace)
        for token in tokens(said.text[len(turn.partial) :]):
            yield token
            await asyncio.sleep(pace)
        if said.fails:
            raise BotError("the demo was asked to fail", public="This failure was asked for: the demo did as told.")


def tokens(text: str) -> list[str]:
    """Cuts a text into pieces of about a word, as a model would send it."""
    found = _TOKENS.findall(text)
    rest = text[sum(map(len, found)) :]
    return [*found, rest] if rest else found


def answer(text: str) -> Answer:
    """The answer to a message; always the same one to the same message."""
    words = re.findall(r"\w+", text.lower())
    if words and len(words) <= 3 and words[0] in _COMMANDS:
        number = int(words[1]) if len(words) > 1 and re.fullmatch(r"[0-9]{1,6}", words[1]) else None
        return _COMMANDS[words[0]](number)
    return Answer(
        "I am the demo of Unbroken, not an AI: I cannot understand what you wrote, and no model is connected. "
        "But everything else here is real. Write **long** and reload the page while I talk, open a second tab, press "
        "stop, or kill the worker: the answer goes on. **help** lists what else I know."
    )


def _help(_: int | None) -> Answer:
    return Answer(
        "I am a demo, not an AI. I know these words:\n\n"
        "- `long 60` talks for about 60 seconds: reload, disconnect, restart the worker meanwhile\n"
        "- `count 200` counts, so that you can see that nothing is lost and nothing comes twice\n"
        "- `slow` takes its time before every word\n"
        "- `think` shows some reasoning first\n"
        "- `code` and `table` show Markdown\n"
        "- `fail` breaks off with an error\n\n"
        "For real answers set `HF_TOKEN`, `OPENAI_API_KEY` or `MODEL_URL`, or write a bot of your own: "
        "`unbroken up mybot:bot`."
    )


_SENTENCES = (
    "every piece of this answer went through a log in Redis before you saw it.",
    "if your connection breaks now, the next one continues behind the last word you have.",
    "a second tab on this conversation shows the same words at the same time.",
    "stop me whenever you like; what I said until then stays.",
    "when the process that runs me dies, another one takes over from the last word.",
)


def _long(seconds: int | None) -> Answer:
    wanted = min(seconds or 30, 3600) / PACE
    lines: list[str] = []
    count = 0
    while count < wanted:
        line = f"{len(lines) + 1}. Still talking: {_SENTENCES[len(lines) % len(_SENTENCES)]}\n"
        count += len(tokens(line))
        lines.append(line)
    return Answer("I am a demo, not an AI, but I can talk for long.\n\n" + "".join(lines) + "\nThat was all of it.")


def _count(number: int | None) -> Answer:
    return Answer(" ".join(str(n) for n in range(1, min(number or 100, 100_000) + 1)))


def _slow(_: int | None) -> Answer:
    return Answer("One word at a time, with a pause before each, as from a model that is very busy.", pace=0.6)


def _think(_: int | None) -> Answer:
    return Answer(
        "So the answer is 42. (I am a demo, not an AI: the reasoning above was written beforehand.)",
        thought="They ask me to think. I cannot, but I can show where reasoning appears. Six times seven is 42.",
    )


def _code(_: int | None) -> Answer:
    return Answer(
        "A whole bot, in one file `mybot.py`:\n\n"
        "```python\n"
        "from unbroken import Turn\n\n\n"
        "async def bot(turn: Turn):\n"
        '    for word in f"You said: {turn.text}".split():\n'
        '        yield word + " "\n'
        "```\n\n"
        "Start it with `unbroken up mybot:bot`."
    )


def _table(_: int | None) -> Answer:
    return Answer(
        "What may happen, and what you will see of it:\n\n"
        "| what breaks | what you see |\n"
        "| --- | --- |\n"
        "| your connection | a short pause, then the rest |\n"
        "| the web server | the same, from another one |\n"
        "| the worker | the answer goes on |\n"
        "| Redis, restarted | a pause, then the rest |\n"
    )


def _fail(_: int | None) -> Answer:
    return Answer("I am a demo, and as you asked for it, this answer breaks off in the", fails=True)


_COMMANDS: dict[str, Callable[[int | None], Answer]] = {
    "help": _help,
    "long": _long,
    "count": _count,
    "slow": _slow,
    "think": _think,
    "code": _code,
    "table": _table,
    "fail": _fail,
}
