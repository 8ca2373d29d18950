"""The laws of the model, and how a broken one is reported."""

from __future__ import annotations

LAWS = {
    "A": "every accepted message gets exactly one outcome, and counts once",
    "B": "outcomes are committed in order, one reply runs at a time",
    "C": "the log is contiguous, and so are the sequences of messages and changes",
    "D": "what anybody is shown is the history, and what a bot finds is what it kept",
    "E": "a session with work has one ready entry that somebody will find, one without has none",
    "F": "an attempt that was replaced never writes",
    "G": "memory is bounded, and nothing outlives its session",
}


class Violation(AssertionError):
    """A law of the model does not hold."""


def require(holds: object, law: str, *details: object) -> None:
    """Raises a Violation that names the law, unless it holds. `law` begins with its letter and a colon."""
    if not holds:
        raise Violation(f"{law}: {', '.join(map(repr, details))}")
