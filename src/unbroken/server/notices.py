"""What goes wrong, in the words that clients read."""

from __future__ import annotations

from unbroken.errors import Refused, Unavailable
from unbroken.protocol import ERRORS, Error


def told(error: Refused | Unavailable, message_id: str | None = None) -> Error:
    """An error as clients see it. Of an outage they read what it means to them, not what Redis said."""
    message = ERRORS[error.code].meaning if isinstance(error, Unavailable) else str(error)
    return Error(error.code, message, message_id, error.retry_after)


def internal(reference: str) -> Error:
    """A defect as clients see it: the reference finds it in the log."""
    return Error("internal", ERRORS["internal"].meaning, reference=reference)
