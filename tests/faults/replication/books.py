"""What people were told during a failover, to be compared with what is there after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from unbroken.types import Message, Role


class Losses(NamedTuple):
    """What a failover took, of what was told.

    Attributes:
        acknowledged: messages that somebody was told are safe.
        lost: those of them that are gone.
        accepted: messages that somebody saw accepted.
        vanished: those of them that are gone, or had to be accepted anew.
        replies: committed replies that somebody saw.
        undone: those of them that are gone, or were given anew.
        refused: how often somebody was told that a message is not safe.
        missing: messages that are gone although their sender kept them for as long as the client does.
    """

    acknowledged: int = 0
    lost: int = 0
    accepted: int = 0
    vanished: int = 0
    replies: int = 0
    undone: int = 0
    refused: int = 0
    missing: int = 0

    @classmethod
    def total(cls, all_: Iterable[Losses]) -> Self:
        return cls(*map(sum, zip(*all_, strict=True)))

    def __str__(self) -> str:
        return (
            f"{self.lost} of {self.acknowledged} acknowledged messages lost, {self.refused} refused; "
            f"{self.vanished} of {self.accepted} accepted ones and {self.undone} of {self.replies} replies undone; "
            f"{self.missing} kept ones missing"
        )


class Book:
    """What was told about the messages of one session.

    Attributes:
        acknowledged: ids of messages that the server called safe.
        accepted: message id → when it was accepted, of those that were shown.
        replies: message id → when its reply was committed, of those that were shown.
        refused: why a message was called not safe, and how often.
    """

    def __init__(self) -> None:
        self.acknowledged: set[str] = set()
        self.accepted: dict[str, str] = {}
        self.replies: dict[str, str] = {}
        self.refused: Counter[str] = Counter()

    def compare(self, history: Sequence[Message]) -> Losses:
        """Counts what is not there any more. That nothing is there twice, and all is answered, must hold anyway."""
        asked = {m.id: m.timestamp for m in history if m.role is Role.USER}
        answered = {m.reply_to: m.timestamp for m in history if m.role is Role.ASSISTANT}
        assert len(asked) + len(answered) == len(history), "nothing twice"
        assert set(asked) == set(answered), "one outcome for each message"
        return Losses(
            len(self.acknowledged),
            len(self.acknowledged - set(asked)),
            len(self.accepted),
            sum(asked.get(id_) != when for id_, when in self.accepted.items()),
            len(self.replies),
            sum(answered.get(id_) != when for id_, when in self.replies.items()),
            self.refused.total(),
        )
