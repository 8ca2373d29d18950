"""A bot that does what the message says, and can be held at any point until a test lets it go on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from tests.e2e.web.attacks import ATTACKS
from unbroken import Turn
from unbroken.models.scripted import Scripted
from unbroken.types import Data, File, Piece, Reasoning, Source, ToolCall, ToolResult

GATES = "TEST_GATES"
"""Environment variable: the folder in which a file opens the gate of its name."""

SHOW = """## Tides

The **Moon** pulls on the sea, and so does the *Sun*; see [tides](https://example.org/tides).

1. The near side rises.
2. So does the far side:
   - by inertia,
   - by `gravity`.

| place | range |
| --- | ---: |
| Saint-Malo | 12 m |
| Venice | 1 m |

> Time and tide wait for no man.

```python
def tide(hours: float) -> float:
    # about two a day
    return 6 * cos(hours / 12.42 * 2 * pi)
```

- [x] explained
- [ ] understood

![a chart](https://example.org/chart.png)
"""

FILES = (
    File("https://example.org/files/Tide%20tables.pdf", media_type="application/pdf", size=1_234_567),
    File("/files/venice.png", name="Venice at high tide.png", media_type="image/png", size=48_200),
    File(
        "https://example.org/f/7",
        name="A year of measurements, hour by hour, of all stations.csv",
        media_type="text/csv",
    ),
    File("javascript:alert(60)", name="archive.zip", media_type="application/zip", size=512),
)

SENTENCE = "The sea rises **twice a day** and falls again, `as ever`, [here](https://example.org) and there. "


def essay(length: int) -> str:
    """A text in Markdown of exactly so many characters, with everything that answers are made of."""
    blocks = [f"## Part {n}\n\n{SENTENCE * 4}\n\n{SHOW}\n" for n in range(length // 800)]
    return "".join(blocks)[: length - 5] + " end."


def pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


class Held(Scripted):
    """Also: `wait name` waits for a file; `attack`, `show`, `files`, `clean`, `essay 50000` do what tests look at."""

    async def reply(self, turn: Turn) -> AsyncIterator[Piece]:
        match turn.text.split():
            case ["attack"]:
                for piece in pieces(ATTACKS, 40):
                    yield piece
            case ["show"]:
                yield Data("state", {"topic": "tides"})
                yield Reasoning("They ask about tides. Gravity, then.")
                yield ToolCall("1", "almanac", {"place": "Venice"})
                yield ToolResult("1", {"high": "11:20"})
                yield Source("https://example.org/almanac", "Almanac")
                yield Data("chart", {"venice": [0.2, 1.0]})
                yield SHOW
                yield Data("state_delta", [{"op": "add", "path": "/said", "value": True}])
                yield Data("usage", {"input_tokens": 1234, "output_tokens": 567})
            case ["files"]:
                yield "Here they are."
                for file in FILES:
                    yield file
            case ["clean"]:
                yield ToolCall("1", "list_drafts", {"folder": "old"})
                yield ToolResult("1", ["a.txt", "b.txt"])
                yield "I found **two** old drafts.\n\n"
                answer = await turn.ask("Shall I delete them?", ["Delete both", "Keep them"])
                yield f"{answer}: done."
                if answer == "Delete both":
                    yield f" {await turn.ask('And the backups?', ['Yes', 'No'])}, the backups too."
            case ["essay", length]:
                for piece in pieces(essay(int(length)), 25):
                    yield piece
                    await asyncio.sleep(0.001)
            case _:
                async for step in super().reply(turn):
                    yield step

    def _gate(self, name: str) -> asyncio.Event:
        return _File(Path(os.environ[GATES]) / name)


class _File(asyncio.Event):
    """Set once the file is there."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    async def wait(self) -> bool:  # type: ignore[override]
        while not self._path.exists():
            await asyncio.sleep(0.02)
        return True


bot = Held(continues=True)
