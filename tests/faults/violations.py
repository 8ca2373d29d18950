"""How a broken promise is reported: the invariant's letter, whose session, and what was seen instead."""

from __future__ import annotations

from typing import NamedTuple

MEANING = {
    "A": "every accepted message has exactly one committed outcome",
    "B": "outcomes of a session are committed in the order of acceptance",
    "C": "the log of a session has no hole",
    "D": "what a client saw is the history, and every event came once",
    "E": "a session has a ready entry if and only if it has work",
    "F": "an attempt that was replaced never writes again",
    "G": "memory is bounded",
}


class Violation(NamedTuple):
    """An invariant that did not hold."""

    invariant: str
    session: str
    text: str

    def __str__(self) -> str:
        return f"{self.invariant} ({MEANING[self.invariant]}), session {self.session}: {self.text}"


class Verdict:
    """Collects violations; the first few of each kind say enough."""

    ENOUGH = 200

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def require(self, holds: object, invariant: str, session: str, *what: object) -> None:
        """Notes a violation, unless it holds."""
        if not holds and len(self.violations) < self.ENOUGH:
            self.violations.append(Violation(invariant, session, " ".join(map(str, what))))

    def __str__(self) -> str:
        return "\n".join(map(str, self.violations)) or "no violation"
