"""How the terminal looks."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.theme import Theme

THEME = Theme(
    {
        "name": "bold",
        "link": "bold cyan",
        "quiet": "dim",
        "good": "green",
        "warn": "yellow",
        "bad": "bold red",
        # code and headings of replies: readable on light and on dark
        "markdown.code": "cyan",
        "markdown.h1": "bold",
        "markdown.h2": "bold",
    }
)


def console(*, stderr: bool = False) -> Console:
    """A console in our colours; without them where the output is no terminal, or NO_COLOR is set."""
    return Console(theme=THEME, stderr=stderr, highlight=False)


def complain(sentence: str) -> None:
    """Says on stderr what went wrong."""
    console(stderr=True).print(f"[bad]Error:[/] {escape(sentence)}", soft_wrap=True)
