"""What came of a message."""

from __future__ import annotations

from typing import NamedTuple

from unbroken.types import Failure, Message, Part, Piece, Question, Status


class Reply(NamedTuple):
    """The committed outcome of a message, and how it came about.

    Attributes:
        message: the reply as it stands in the history.
        pieces: what the last attempt said, piece by piece, as it was streamed; without what stayed of earlier ones.
        attempts: how often the bot was run for it: 1, or more after crashes; 0 if the message was stopped before.
        exception: what the bot raised, of which its reader only learns `error`; None if it raised nothing.
    """

    message: Message
    pieces: list[Piece]
    attempts: int
    exception: Exception | None

    @property
    def text(self) -> str:
        """All that was said, also by earlier attempts, if it stayed; of a failed or stopped reply what there is."""
        return self.message.msg

    @property
    def parts(self) -> list[Part]:
        """What was said beside text."""
        return self.message.parts

    @property
    def status(self) -> Status:
        """Completed, failed or cancelled."""
        assert self.message.status is not None
        return self.message.status

    @property
    def error(self) -> Failure | None:
        """What the reader is told of a failed reply."""
        return self.message.error

    @property
    def question(self) -> Question | None:
        """The question with which the reply ended, if it did."""
        last = self.parts[-1] if self.parts else None
        return last if isinstance(last, Question) else None
