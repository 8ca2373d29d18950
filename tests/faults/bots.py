"""What the bot of these tests answers: a function of the message alone, so that every reader can check every piece.

The bot is `unbroken.models.scripted`, and `answer` says what its script comes to. Pieces are numbered: a lost, doubled
or misplaced one shows at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from unbroken.models.scripted import steps
from unbroken.types import REPLY, Message

_ASK = "ask sure?"


def question(label: str, count: int, pace: float) -> str:
    """A message whose answer names it, then counts so far, one number every `pace` seconds.

    Every third bot does a step that must not be done twice, and keeps what it said in the middle.
    """
    if count % 3:
        return f"say {label}: ;pace {pace:.3f};count {count}"
    half = count // 2
    return f"say {label}: ;pace {pace:.3f};count {half};once step;keep half;count {count - half}"


def asking(label: str, count: int, pace: float) -> str:
    """A message at which the bot asks; whatever is sent next is the answer, and only said."""
    return f"say {label}: ;pace {pace:.3f};count {count};{_ASK};pace {pace:.3f};count {count};say thanks"


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
    return _said(text)[0]


def reply(message: Message, known: Iterable[Message]) -> str:
    """All that the bot says to one of these messages: to an answer, what follows its question."""
    if message.answers is None:
        return answer(message.msg)
    asked = next((one.msg for one in known if f"{one.id}{REPLY}" == message.answers), "")
    return message.msg + answer(asked.partition(f"{_ASK};")[2])


def kept(text: str, shown: str) -> str:
    """What of that must never disappear: a bot says nothing behind a checkpoint before that is safe."""
    marks = [said for said in _said(text)[1] if len(said) < len(shown)]
    return marks[-1] if marks else ""


@cache
def _said(text: str) -> tuple[str, list[str]]:
    said, marks = "", []
    for word, rest in steps(text):
        if word == "say":
            said += rest
        elif word == "count":
            said += "".join(f"{number} " for number in range(1, int(rest) + 1))
        elif word == "keep":
            marks.append(said)
        elif word == "ask":
            return f"{said}\n\n{rest}", marks
    return said, marks
