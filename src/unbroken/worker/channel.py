"""The way of one running reply into its session's log.

What was sent once keeps its sequence and its content for ever: XADD refuses a sequence that is already there, so a
chunk may be sent again after a lost connection, and is written once. At most one chunk is under way; what is said
meanwhile waits, and goes together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from enum import Enum
from typing import Protocol

from unbroken.claim import Claim
from unbroken.errors import BotError
from unbroken.keys import SessionKeys
from unbroken.log import Appender, Kind
from unbroken.protocol import ReplyDelta, ReplyPart, encode
from unbroken.types import Part, Piece
from unbroken.worker import pieces

MANY = 5000
"""Log entries of one reply from which on its pieces are gathered into larger ones: take and resume read them all."""

LARGE = 65_536
"""Characters of a chunk that nothing more is added to: every reader who is behind holds at least one whole."""

_DELTA, _PART = Kind.DELTA.value, Kind.PART.value


class State(Enum):
    """What a channel does with what it is given."""

    OPEN = "it is sent as soon as may be"
    RECOVERING = "it is kept, until the log was asked what arrived"
    CLOSED = "it is kept, for the outcome"


_OPEN = State.OPEN  # looked up for every piece


class Sender(Protocol):
    """What a channel needs of the outbox."""

    def enqueue(self, channel: Channel) -> None:
        """Sends what the channel holds, with the next flush."""

    def recover(self, channel: Channel, error: BaseException) -> None:
        """Sends again whatever the log does not hold."""


class Channel:
    """Takes the pieces of one reply, in order, and never waits.

    Args:
        limit: bytes that the reply may have, with what earlier attempts showed.
        on_lost: called when Redis says that another attempt owns the reply.
        on_gone: called when Redis says that the session does not exist any more.
        connection: that began the reply.

    Attributes:
        connection: whose server has all that was sent; None if that is not known.
    """

    __slots__ = (
        "_appender",
        "_flushed",
        "_limit",
        "_outbox",
        "_pending",
        "_pending_bytes",
        "_sent",
        "bytes",
        "claim",
        "connection",
        "in_flight",
        "keys",
        "on_gone",
        "on_lost",
        "queued",
        "recovery",
        "state",
    )

    def __init__(
        self,
        outbox: Sender,
        claim: Claim,
        keys: SessionKeys,
        limit: int,
        *,
        on_lost: Callable[[], None],
        on_gone: Callable[[], None],
        connection: Hashable | None = None,
    ) -> None:
        self._outbox = outbox
        self.claim = claim
        self.keys = keys
        self._appender = Appender(keys)
        self._limit = limit
        self.on_lost = on_lost
        self.on_gone = on_gone
        self._sent: list[Piece] = []
        self._pending: list[Piece] = []
        self._pending_bytes = 0
        self._flushed: asyncio.Future[None] | None = None
        self.connection = connection
        self.bytes = len(claim.partial.encode()) + sum(pieces.part(one)[1] for one in claim.parts)
        self.state = State.OPEN
        self.queued = False
        self.in_flight = False
        self.recovery: asyncio.Task[None] | None = None

    # The bot's side

    def put(self, piece: Piece) -> None:
        """Takes the next piece.

        Raises:
            TypeError: it is neither text nor a part.
            BotError: the reply is longer than it may be; what was taken before stays.
        """
        if isinstance(piece, str):
            # a character is a byte at least: what is too long anyway need not be measured, which would copy it
            piece, size = pieces.text(piece) if len(piece) <= self._limit else (piece, len(piece))
        elif isinstance(piece, Part):
            piece, size = pieces.part(piece)
        else:
            raise TypeError(f"a bot yields text or parts, not {type(piece).__name__}")
        self.bytes += size
        if self.bytes > self._limit:
            raise BotError(
                f"the reply has more than {self._limit} bytes",
                public="The reply became too long and was stopped.",
                code="reply_too_long",
            )
        self._pending.append(piece)
        self._pending_bytes += size
        if not self.queued and self.due:
            self._outbox.enqueue(self)

    @property
    def text(self) -> str:
        """All text of the reply, with what earlier attempts showed."""
        said = [piece for some in (self._sent, self._pending) for piece in some if isinstance(piece, str)]
        return self.claim.partial + "".join(said)

    @property
    def spoke(self) -> bool:
        """Whether the reply has any text, with what earlier attempts showed."""
        return bool(self.claim.partial) or any(type(one) is str for some in (self._sent, self._pending) for one in some)

    @property
    def parts(self) -> list[Part]:
        """All parts of the reply, with those of earlier attempts; reasoning that follows each other is one part."""
        found: list[Part] = list(self.claim.parts)
        last: Piece = found[-1] if found else ""
        for some in (self._sent, self._pending):
            for piece in some:
                if not isinstance(piece, str):
                    if pieces.follow(last, piece):
                        piece = pieces.merged((found.pop(), piece))
                        assert not isinstance(piece, str)
                    found.append(piece)
                last = piece
        return found

    @property
    def begun(self) -> bool:
        """Whether any chunk was made."""
        return bool(self._sent)

    @property
    def next_seq(self) -> int:
        """A sequence that nothing was ever tried with."""
        return len(self._sent) + 1

    def close(self) -> None:
        """Sends nothing more: the outcome carries the rest."""
        self.state = State.CLOSED
        if self.recovery is not None:
            self.recovery.cancel()
        self._settle()

    async def flushed(self) -> None:
        """Returns when everything that was taken is in the log, or cannot get there any more.

        Only one may wait at a time.
        """
        if self.state is State.CLOSED or not (self._pending or self.in_flight or self.recovery):
            return
        self._flushed = asyncio.get_running_loop().create_future()
        if self.due:
            self._outbox.enqueue(self)
        await self._flushed

    def behind(self) -> None:
        """Notes that the log lacks what was written there: it is written again.

        Raises:
            BotError: nothing is written any more.
        """
        if self.state is State.CLOSED:
            raise BotError("the log takes nothing more of this reply")
        self._outbox.recover(self, ConnectionError("a failover lost what was written"))

    # The outbox's side

    @property
    def due(self) -> bool:
        """Whether something is to be sent now."""
        if self.in_flight or not self._pending or self.state is not _OPEN:
            return False
        if len(self._sent) < MANY or self._flushed is not None:
            return True
        return self._pending_bytes * 1024 >= self.bytes  # grows with the reply: a few thousand entries more at most

    def cut(self) -> int:
        """Makes one chunk of what waits, as far as it merges and is not too large, and returns its sequence."""
        pending = self._pending
        first = pending[0]
        count = 1
        if self._pending_bytes <= LARGE:
            while count < len(pending) and pieces.follow(first, pending[count]):
                count += 1
        else:
            size = pieces.length(first)
            while (
                count < len(pending)
                and pieces.follow(first, pending[count])
                and (size := size + pieces.length(pending[count])) <= LARGE
            ):
                count += 1
        self._sent.append(pieces.merged(pending[:count]))
        del pending[:count]
        if not pending:
            self._pending_bytes = 0
        return len(self._sent)

    def commands(self, seq: int) -> tuple[bytes, bytes]:
        """What writes a chunk and shows it live; every time the same bytes."""
        piece, turn = self._sent[seq - 1], self.claim.turn.first
        if isinstance(piece, str):
            return self._appender.commands(self.claim.epoch, seq, _DELTA, encode(ReplyDelta(turn, piece)))
        return self._appender.commands(self.claim.epoch, seq, _PART, encode(ReplyPart(turn, piece)))

    def answered(self) -> None:
        """The chunk that was under way is written."""
        self.in_flight = False
        if not self._pending:
            self._settle()

    def _settle(self) -> None:
        if self._flushed is not None:
            if not self._flushed.done():
                self._flushed.set_result(None)
            self._flushed = None
