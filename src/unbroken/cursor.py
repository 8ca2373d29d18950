"""Where a reader stands: the monotonic sequences of a session, and the cursor made of them.

A *turn id* `<turn>-<µs>` numbers the accepted messages 1, 2, 3 …; a *log id* `<epoch>-<seq>` numbers
what workers said; a *change id* `<n>-<µs>` numbers changes of what had been accepted or committed before. All hold
something that a failover cannot repeat (microseconds of Redis' clock), so two different histories never share an id.
A cursor is the three of them, and opaque to clients.
"""

from __future__ import annotations

from typing import NamedTuple, Self

from unbroken.errors import ProtocolViolation

LARGEST = 2**64 - 1
"""The largest number in a stream id."""


class StreamId(NamedTuple):
    """An id of a Redis stream; ids compare as Redis compares them.

    Turn and change ids read as (number, microseconds), log ids as (epoch, sequence).
    """

    first: int
    second: int

    @classmethod
    def parse(cls, raw: bytes | str) -> Self:
        """Reads `<first>-<second>`.

        Raises:
            ValueError: if it is something else.
        """
        # As bytes, for which only ASCII digits are digits.
        first, _, second = (raw if isinstance(raw, bytes) else raw.encode()).partition(b"-")
        if first.isdigit() and second.isdigit():
            found = cls(int(first), int(second))
            if max(found) <= LARGEST:
                return found
        raise ValueError(f"not a stream id: {raw!r}")

    @classmethod
    def trusted(cls, raw: bytes) -> Self:
        """Reads an id that Redis or one of our own wrote, without a second look: one is read for every live message.

        Raises:
            ValueError: if it is nothing like an id.
        """
        first, second = raw.split(b"-")
        return cls(int(first), int(second))

    def __str__(self) -> str:
        return f"{self.first}-{self.second}"


ZERO = StreamId(0, 0)


class Cursor(NamedTuple):
    """A position in a session's events: everything up to it was seen, nothing after it."""

    turn: StreamId
    log: StreamId
    change: StreamId = ZERO

    @classmethod
    def parse(cls, raw: str) -> Self:
        """Reads what `str` wrote.

        Raises:
            ProtocolViolation: if it is no cursor of ours.
        """
        if len(raw) > 130:
            raise ProtocolViolation("the cursor is not one that this service gave out")
        try:
            turn, log, change = raw.split(".")
            return cls(StreamId.parse(turn), StreamId.parse(log), StreamId.parse(change))
        except ValueError:
            raise ProtocolViolation("the cursor is not one that this service gave out") from None

    def __str__(self) -> str:
        (turn, at), (epoch, seq), (number, when) = self  # written out: once for every event and client
        return f"{turn}-{at}.{epoch}-{seq}.{number}-{when}"


START = Cursor(ZERO, ZERO)
