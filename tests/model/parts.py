"""Two ways to compare the parts of a reply that was cut anyhow."""

from __future__ import annotations

from collections.abc import Iterable

from unbroken.types import Part, Question, Reasoning


def joined(parts: Iterable[Part]) -> list[Part]:
    """The parts as a reader sees them: reasoning that follows each other is one."""
    found: list[Part] = []
    for part in parts:
        before = found[-1] if found else None
        if isinstance(part, Reasoning) and isinstance(before, Reasoning):
            part = Reasoning(before.text + part.text)
            found.pop()
        found.append(part)
    return found


def reasons(parts: list[Part]) -> str:
    """All that parts say, however it was cut."""
    return "".join(part.text for part in parts if isinstance(part, (Reasoning, Question)))
