"""What the bot of these tests answers: a function of the message alone, so that every reader can check every piece.

The bot is `unbroken.models.scripted`, and `answer` says what its script comes to. Pieces are numbered: a lost, doubled
or misplaced one shows at once.
"""

from __future__ import annotations

from functools import cache

from unbroken.models.scripted import steps


def question(label: str, count: int, pace: float) -> str:
    """A message whose answer names it, then counts so far, one number every `pace` seconds."""
    return f"say {label}: ;pace {pace:.3f};count {count}"


def raising(label: str, count: int) -> str:
    """A message at which the bot raises, after it said something."""
    return f"say {label}: ;pace 0.01;count {count};raise no answer to {label}"


def deadly(label: str, count: int) -> str:
    """A message that ends the process of whoever answers it, at every attempt."""
    return f"say {label}: ;pace 0.01;count {count};exit"


def raises(text: str) -> bool:
    """Whether the bot raises at a message."""
    return any(word == "raise" for word, _ in steps(text))


@cache
def answer(text: str) -> str:
    """All that the bot says to a message, if nobody stops it."""
    said = ""
    for word, rest in steps(text):
        if word == "say":
            said += rest
        elif word == "count":
            said += "".join(f"{number} " for number in range(1, int(rest) + 1))
    return said
