"""Markdown while it is being written: finished blocks are printed for good, only the last one is drawn again.

A long reply that is redrawn as a whole flickers, and tears once it is taller than the screen. Markdown has a natural
seam: when a new block begins, nothing that follows can change how the ones before it look.
"""

from __future__ import annotations

from collections.abc import Callable

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown
from rich.segment import Segment
from rich.text import Text

MARGIN = 4
"""Lines of the screen that the unfinished block leaves free."""

_parser = MarkdownIt().enable("table")


class ReplyView:
    """Draws one reply. What is unfinished is this object itself, as something that rich can draw.

    Args:
        print: prints for good, above what is being drawn.
    """

    def __init__(self, print: Callable[..., None]) -> None:  # noqa: A002 - it is one
        self._print = print
        self._text = ""
        self._printed = 0

    def update(self, text: str) -> None:
        """Shows a text that continues the one before, or begins anew."""
        if not text.startswith(self._text):
            self._begin_again()
        self._text = text
        settled = self._printed + seam(text[self._printed :])
        if settled > self._printed:
            self._print_until(settled)

    def drop(self) -> None:
        """Forgets what is unfinished."""
        self._text, self._printed = "", 0

    def finish(self) -> None:
        """Prints the rest."""
        if self._text[self._printed :].strip():
            self._print_until(len(self._text))
        self._text, self._printed = "", 0

    def _begin_again(self) -> None:
        if self._printed:
            self._print(Text("… the reply begins again:\n", "quiet"))
        self._text, self._printed = "", 0

    def _print_until(self, end: int) -> None:
        if self._printed:
            self._print()
        self._print(Block(self._text[self._printed : end]))
        self._printed = end

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if tail := self._text[self._printed :].strip():
            if self._printed:
                yield Segment.line()
            yield Block(tail, last=max(1, console.height - MARGIN))


class Block:
    """Markdown without the empty lines that rich draws around some blocks.

    Args:
        last: draw no more than so many lines, from the end.
    """

    def __init__(self, text: str, last: int = 0) -> None:
        self._markdown = Markdown(text.strip("\n"))
        self._last = last

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._markdown, options, pad=False)
        full = [at for at, line in enumerate(lines) if any(segment.text.strip() for segment in line)]
        for line in lines[full[0] : full[-1] + 1][-self._last :] if full else []:
            yield from line
            yield Segment.line()


def seam(text: str) -> int:
    """Where the last top-level block of a Markdown text begins; 0 while there is only one."""
    starts = [token.map[0] for token in _parser.parse(text) if token.level == 0 and token.map and token.nesting >= 0]
    if len(starts) < 2:
        return 0
    lines = text.splitlines(keepends=True)
    return sum(len(line) for line in lines[: starts[-1]])
