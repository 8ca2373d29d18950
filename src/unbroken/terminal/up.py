"""Shows what `unbroken up` does."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import suppress

from rich.panel import Panel
from rich.status import Status
from rich.table import Table
from rich.text import Text

from unbroken import __version__
from unbroken.config import Settings
from unbroken.supervisor import Answering, Facts, up
from unbroken.terminal.look import console

_LEVELS = {logging.WARNING: "warn", logging.ERROR: "bad", logging.CRITICAL: "bad"}


def run(settings: Settings, *, reload: bool) -> None:
    """Runs everything until it is stopped; exits with 130 if it was stopped without its drain."""
    voice = Screen()
    handler = _Warnings(voice)
    logging.getLogger("unbroken").addHandler(handler)
    try:
        in_order = up(settings, voice, reload=reload)
    except KeyboardInterrupt:
        in_order = False
    finally:
        voice.done()
    if not in_order:
        sys.exit(130)
    voice.farewell()


class Screen:
    """A panel, then lines, then the farewell. Without a terminal every step is a line."""

    def __init__(self) -> None:
        self._console = console()
        self._status: Status | None = None

    def step(self, text: str) -> None:
        """Shows what is being done, with a spinner."""
        line = Text(f"{text} …", "quiet")
        with suppress(OSError):  # the terminal was closed; the drain goes on
            if not self._console.is_terminal:
                self._console.print(line, soft_wrap=True)
            elif self._status:
                self._status.update(line)
            else:
                self._status = self._console.status(line, spinner_style="cyan")
                self._status.start()

    def done(self) -> None:
        """Takes the spinner away."""
        status, self._status = self._status, None
        if status:
            with suppress(OSError):
                status.stop()

    def ready(self, facts: Facts) -> None:
        """Shows the panel."""
        rows = Table.grid(padding=(0, 3))
        rows.add_column(style="quiet", no_wrap=True)
        rows.add_column(overflow="fold")
        rows.add_row("Open", Text(facts.url, "link"))
        rows.add_row("Bots" if facts.bots[0].name else "Model", _answering(facts.bots))
        rows.add_row("Data", Text(facts.store))
        if facts.reloads:
            rows.add_row("Reload", Text(f"when Python files in {facts.reloads} change"))
        local = facts.url == "http://localhost:8000"
        rows.add_row("Terminal", Text("unbroken chat" if local else f"unbroken chat --url {facts.url}"))
        rows.add_row("Stop", Text("Ctrl-C"))
        self._console.print(
            Panel(
                rows,
                title=f"[name]Unbroken[/] [quiet]{__version__}[/]",
                title_align="left",
                border_style="cyan",
                padding=(1, 2),
                expand=False,
            )
        )

    def farewell(self) -> None:
        """Says that it ended well."""
        self._console.print(
            Text("Stopped. Sessions are kept; what is unanswered continues at the next start.", "quiet")
        )

    def news(self, text: str) -> None:
        """Shows what happened."""
        self._print("unbroken", Text(text))

    def line(self, who: str, level: int, text: str) -> None:
        """Shows what a child said."""
        style = "bad" if text.startswith("Error: ") else _LEVELS.get(level, "")
        self._print(who, Text(text, style))

    def _print(self, who: str, text: Text) -> None:
        line = Text.assemble((time.strftime("%H:%M:%S "), "quiet"), (f"{who:<9}", "cyan"), text)
        with suppress(OSError):  # the terminal was closed; the drain goes on
            self._console.print(line, soft_wrap=True)


def _answering(bots: list[Answering]) -> Table:
    """A line for each bot: its name if it has one, what it is, and why."""
    lines = Table.grid(padding=(0, 2))
    for bot in bots:
        name = [Text(bot.name, "name")] if bot.name else []
        lines.add_row(*name, Text(bot.model, "" if name else "name"), Text(bot.why, "quiet"))
    return lines


class _Warnings(logging.Handler):
    """Shows what this process itself warns of, such as a Valkey that had to be started again."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        self._screen.line("unbroken", record.levelno, record.getMessage())
