"""What a supervisor has to say, whoever shows it."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Answering(NamedTuple):
    """One of the bots.

    Attributes:
        name: as sessions choose it; empty if there is only one.
        model: what answers.
        why: why that one.
    """

    name: str
    model: str
    why: str


class Facts(NamedTuple):
    """What people want to know once everything runs.

    Attributes:
        url: where the page is.
        bots: who answers; the first one where none is named.
        store: where the data are.
        reloads: the directories whose changes restart the worker, if any.
    """

    url: str
    bots: list[Answering]
    store: str
    reloads: str | None = None


class Voice(Protocol):
    """Shows it."""

    def step(self, text: str) -> None:
        """What is being done right now."""

    def ready(self, facts: Facts) -> None:
        """Everything runs."""

    def news(self, text: str) -> None:
        """Something happened that people should know."""

    def line(self, who: str, level: int, text: str) -> None:
        """A child wrote a line; `level` is that of its log, 0 for what is no log."""

    def done(self) -> None:
        """Nothing is being done any more."""
