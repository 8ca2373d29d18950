from __future__ import annotations

import io
import random
import re

import pytest
from rich.console import Console

from unbroken.terminal.reply import Block, ReplyView, seam

REPLY = """\
A paragraph with *words*, that goes on
in a second line.

1. one
2. two

   with a paragraph of its own
3. three

```python
def code():

    return "with an empty line"
```

| a | b |
|---|---|
| 1 | 2 |

> a quote

The end.
"""


class Screen:
    def __init__(self, height: int = 40) -> None:
        self.console = Console(file=io.StringIO(), width=80, height=height, force_terminal=False)
        self.view = ReplyView(self.console.print)

    @property
    def printed(self) -> str:
        assert isinstance(self.console.file, io.StringIO)
        return self.console.file.getvalue()

    def drawn(self) -> str:
        with self.console.capture() as capture:
            self.console.print(self.view, end="")
        return capture.get()


def whole(text: str) -> str:
    screen = Screen()
    screen.console.print(Block(text))
    return screen.printed


def squeezed(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("one paragraph\nstill the same", 0),
        ("one\n\ntwo", 5),
        ("one\n\ntwo\n\nthree", 10),
        ("- a\n- b\n\n- c", 0),
        ("- a\n\nafter", 5),
        ("```\ncode\n\nmore", 0),
        ("```\ncode\n```\nafter", 13),
    ],
)
def test_a_seam_is_where_the_last_block_begins(text: str, expected: int) -> None:
    assert seam(text) == expected


@pytest.mark.parametrize("seed", range(4))
def test_a_reply_in_pieces_looks_like_the_whole(seed: int) -> None:
    rng = random.Random(seed)
    screen = Screen()
    at = 0
    while at < len(REPLY):
        at += rng.randrange(1, 12)
        screen.view.update(REPLY[:at])
        shown = squeezed(screen.printed + screen.drawn())
        assert shown == squeezed(whole(REPLY[:at]))
    screen.view.finish()
    assert squeezed(screen.printed) == squeezed(whole(REPLY))
    assert screen.drawn() == ""


def test_what_is_finished_is_printed_once() -> None:
    screen = Screen()
    screen.view.update("first\n\nsecond")
    assert squeezed(screen.printed) == ["first"]
    screen.view.update("first\n\nsecond goes on")
    assert squeezed(screen.printed) == ["first"]
    assert squeezed(screen.drawn()) == ["second goes on"]


def test_a_reply_that_begins_anew_says_so_where_something_was_printed() -> None:
    screen = Screen()
    screen.view.update("first\n\nsecond")
    screen.view.update("")
    screen.view.update("another first")
    screen.view.finish()
    assert squeezed(screen.printed) == ["first", "… the reply begins again:", "another first"]


def test_a_reply_that_begins_anew_just_changes_where_nothing_was() -> None:
    screen = Screen()
    screen.view.update("fir")
    screen.view.update("another")
    screen.view.finish()
    assert squeezed(screen.printed) == ["another"]


def test_a_block_taller_than_the_screen_shows_its_end() -> None:
    screen = Screen(height=10)
    screen.view.update("\n".join(f"- item {n}" for n in range(100)))
    lines = squeezed(screen.drawn())
    assert len(lines) == 6
    assert re.search("item 99$", lines[-1])
