"""How a broken promise is reported."""

from __future__ import annotations


class Violation(AssertionError):
    """A law of the model does not hold."""


def require(holds: object, law: str, *details: object) -> None:
    """Raises a Violation that names the law, unless it holds."""
    if not holds:
        raise Violation(f"{law}: {', '.join(map(repr, details))}")
