"""A session in memory: what the scripts in `lua/` do to one, as far as a single chat can see it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from unbroken.claim import Said
from unbroken.cursor import StreamId
from unbroken.keys import SessionKeys
from unbroken.protocol import MessageAccepted, encode
from unbroken.scripts import Accepted, Code, Finished, Scripts, Taken
from unbroken.turn import Journal
from unbroken.types import REPLY, Failure, Message, Part, Piece, Policy, Role, Status

_EXHAUSTED = Failure("attempts_exhausted", "The reply could not be finished.")


class Memory(Scripts):
    """The scripts of one session, without Redis. Each method keeps to the contract at the head of its Lua file.

    Attributes:
        name: of the session.
        messages: as they are stored: questions when they were accepted, replies when they were committed.
        open: the reply whose question nobody answers yet, or "".
        said: what the running attempt, or the last one, put into the log.
        on_stop: called when the running reply is to be stopped.
        on_kept: called when the bot kept something, with it, and whether that was a checkpoint.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.messages: list[Message] = []
        self.open = ""
        self.said: list[Piece] = []
        self.on_stop: Callable[[], None] = lambda: None
        self.on_kept: Callable[[Journal, bool], None] = lambda journal, mark: None
        self._inbox: list[Message] = []
        self._asked: dict[str, bytes] = {}
        self._stopped: dict[int, str] = {}
        self._epoch = 0
        self._forget()

    def _forget(self) -> None:
        """Forgets the attempts of a turn."""
        self._alive = False
        self._turn = self._attempt = 0
        self._kept = b""
        self._partial = ""
        self._parts: list[Part] = []
        self._mark = 0

    # What a test does to it

    def lose(self) -> None:
        """The worker of the running attempt is dead: nothing that it says or keeps from now on counts."""
        self._alive = False

    def halt(self) -> None:
        """Somebody presses stop."""
        self._stopped.setdefault(self._turn, "")
        self.on_stop()

    # What servers do

    async def accept(
        self,
        keys: SessionKeys,
        session: str,
        message_id: str,
        text: str,
        inbox_limit: int,
        turn_limit: int,
        replaces: str = "",
        answers: str = "",
        policy: Policy = "queue",
    ) -> Accepted:
        """Takes a message into the session."""
        if replaces:
            version = next((one for one in self.messages if one.role is Role.USER and one.id == replaces), None)
            if version is None:
                return Accepted(Code.UNKNOWN)
            replaces = version.replaces or replaces
        stopping = policy in ("interrupt", "merge")
        stopped = [one for one in reversed(self._inbox) if stopping and one.turn not in self._stopped]
        question = self.open
        for one in stopped:
            question = question or (self._answered(one) if policy == "merge" else "")
        if replaces or answers == "-":
            question = ""
        if answers not in ("", "-", question):
            return Accepted(Code.LATE)
        if len(self._inbox) >= inbox_limit or (self._inbox and policy == "reject"):
            return Accepted(Code.BUSY)
        turn = 1 + sum(one.role is Role.USER for one in self.messages)
        if turn > turn_limit:
            return Accepted(Code.FULL)
        message = Message(
            message_id, text, Role.USER, _now(), turn, replaces=replaces or None, answers=question or None
        )
        self.messages.append(message)
        self._stopped |= dict.fromkeys((one.turn for one in stopped), message_id if policy == "merge" else "")
        if stopped and self._alive:
            self.on_stop()
        if question:
            self.open = ""
        elif replaces and self.open:
            del self._asked[self.open]
            self.open = ""
        self._inbox.append(message)
        return Accepted(Code.OK, StreamId(turn, 0))

    async def rename(self, keys: SessionKeys, session: str, name: str) -> Code:
        """Gives the session another name."""
        self.name = name
        return Code.OK

    def _answered(self, message: Message) -> str:
        """The reply whose question a message answers, as long as that waits for it."""
        return message.answers if message.answers and message.answers in self._asked else ""

    # What workers do

    async def take(
        self,
        keys: SessionKeys,
        session: str,
        entry: str,
        nonce: str,
        attempts: int,
        continuing: str,
        context: int,
        known: tuple[int, StreamId] | None = None,
    ) -> Taken:
        """Starts the next attempt, with the messages whatever is known."""
        while self._inbox:
            head = self._inbox[0]
            tried = head.turn == self._turn
            attempt = self._attempt + 1 if tried else 1
            stopped = head.turn in self._stopped
            if not stopped and attempt <= attempts:
                return self._begin(head, attempt, context, tried=tried, continues=",," in continuing)
            text, parts = self._shown(len(self.said)) if tried else ("", [])
            status, error = (Status.CANCELLED, None) if stopped else (Status.FAILED, _EXHAUSTED)
            self._commit(head, Said(text, status, error, parts))
        return Taken(Code.EMPTY)

    def _begin(self, head: Message, attempt: int, context: int, *, tried: bool, continues: bool) -> Taken:
        if tried:
            self._partial, self._parts = self._shown(len(self.said) if continues else self._mark)
        self._mark = 0
        self._epoch += 1
        self._turn, self._attempt, self._alive = head.turn, attempt, True
        last = context + len(self._inbox)
        found: dict[str, Any] = {"$.name": [self.name], "$.bot": [""], "newest": self.messages[-last:]}
        asked = self._asked.get(self._answered(head), b"")
        if asked:
            place = 2 * msgspec.json.decode(asked)["turn"]
            found["around"] = self.messages[max(0, place - last) : place + last]
        return Taken(
            Code.OK,
            StreamId(head.turn, 0),
            self._epoch,
            attempt,
            encode(MessageAccepted(head)),
            self._partial,
            msgspec.json.encode(self._parts) if self._parts else b"",
            self._kept,
            asked,
            msgspec.json.encode(found),
        )

    def _shown(self, count: int) -> tuple[str, list[Part]]:
        """What readers saw when so many pieces were said."""
        said = self.said[:count]
        text = self._partial + "".join(piece for piece in said if isinstance(piece, str))
        return text, [*self._parts, *(piece for piece in said if not isinstance(piece, str))]

    async def checkpoint(
        self, keys: SessionKeys, session: str, epoch: int, number: int, data: bytes, seq: int | None
    ) -> Code:
        """Keeps what a bot wants to find in its next attempt."""
        if not self._owns(epoch):
            return Code.LOST
        self._kept = data
        if seq is not None:
            self._mark = seq
        self.on_kept(msgspec.json.decode(data, type=Journal), seq is not None)
        return Code.OK if self._owns(epoch) else Code.LOST

    async def finish(
        self,
        keys: SessionKeys,
        session: str,
        entry: str,
        epoch: int,
        seq: int,
        status: Status,
        outcome: bytes,
        reason: str,
        asked: bytes = b"",
        reply_id: str = "",
    ) -> Finished:
        """Commits the outcome of an attempt."""
        if not self._owns(epoch):
            return Finished(Code.FENCED)
        self._commit(self._inbox[0], msgspec.json.decode(b"{%b}" % outcome, type=Said))
        if asked:
            self._asked[reply_id] = asked
            self.open = reply_id
        return Finished(Code.OK, StreamId(epoch, seq))

    def _owns(self, epoch: int) -> bool:
        return self._alive and epoch == self._epoch

    def _commit(self, head: Message, said: Said) -> None:
        into = self._stopped.pop(head.turn, "") if said.status is Status.CANCELLED else ""
        self._stopped.pop(head.turn, None)
        self.messages.append(
            Message(
                head.id + REPLY,
                said.msg,
                Role.ASSISTANT,
                _now(),
                head.turn,
                reply_to=head.id,
                status=said.status,
                error=said.error,
                parts=said.parts,
                merged_into=into or None,
            )
        )
        self._inbox.remove(head)
        self._forget()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
