"""How many tokens the replies of a session took, as far as their bots said."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from unbroken.types import Data, Message

USAGE = "usage"
"""Name of the data part in which a bot says what its reply took."""


class Usage(msgspec.Struct, frozen=True):
    """Tokens, summed up.

    Attributes:
        input_tokens: what models were sent.
        output_tokens: what models said.
        replies: how many replies were counted: those whose bot said what they took.
    """

    input_tokens: int
    output_tokens: int
    replies: int


def usage(messages: Iterable[Message]) -> Usage | None:
    """Sums up all replies, also those that no view shows any more; None if no bot said what its replies took."""
    counted = [taken for message in messages if (taken := _taken(message))]
    if not counted:
        return None
    return Usage(sum(read for read, _ in counted), sum(said for _, said in counted), len(counted))


def _taken(message: Message) -> tuple[int, int] | None:
    """Tokens of one reply, which may have said so in several parts."""
    values = [part.value for part in message.parts if isinstance(part, Data) and part.name == USAGE]
    counts = [(count(value, "input_tokens"), count(value, "output_tokens")) for value in values]
    return (sum(read for read, _ in counts), sum(said for _, said in counts)) if counts else None


def count(value: object, name: str) -> int:
    """One number of a usage part; 0 where a bot of somebody's own says something else."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if type(found) is int and found > 0 else 0
