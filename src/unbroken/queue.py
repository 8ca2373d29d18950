"""The message queue: accepting messages, taking, renewing, releasing and finishing replies, dead letters.

A session with work has one entry in the ready stream of its partition, whichever of its messages is next; the
messages themselves wait in the session's inbox. So sessions run side by side, and each answers in order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from unbroken.claim import Claim, Outcome, claimed, encode, members, remembered, settled
from unbroken.cursor import StreamId
from unbroken.errors import InboxFull, LeaseLost, MessageRefused, NotWaiting, SessionFull
from unbroken.keys import GROUP, Keys
from unbroken.recall import Recall
from unbroken.redis.router import Router
from unbroken.scripts import Code, Scripts, refusal
from unbroken.turn import Journal
from unbroken.types import REPLY, Policy


class Limits(NamedTuple):
    """What bounds a session.

    Attributes:
        message_bytes: longest message, in bytes of UTF-8.
        inbox: most messages that may wait.
        turns: most messages over the life of a session.
    """

    message_bytes: int
    inbox: int
    turns: int


class Receipt(NamedTuple):
    """An accepted message: its turn, and whether it had been accepted before."""

    turn: StreamId
    duplicate: bool


class DeadLetter(NamedTuple):
    """A message that was given up."""

    tag: str
    id: str
    session: str
    message_id: str
    turn: str
    attempts: int
    error: str


class Queue:
    """The queue of one deployment, for servers (accept, cancel) and for workers (the rest).

    Every method raises `Unavailable` if Redis cannot be reached or cannot write; repeating the call is safe.
    """

    def __init__(self, router: Router, keys: Keys, scripts: Scripts, limits: Limits) -> None:
        self._router = router
        self._keys = keys
        self._scripts = scripts
        self._limits = limits
        self._recall = Recall()

    async def accept(
        self,
        session: str,
        message_id: str,
        text: str,
        *,
        replaces: str | None = None,
        answers: str | None = None,
        policy: Policy = "queue",
    ) -> Receipt:
        """Accepts a message: from now on it gets exactly one outcome. The same id twice counts once.

        Args:
            session: its id.
            message_id: chosen by the client.
            text: what it says.
            replaces: a message that this one is another version of.
            answers: the reply whose question it answers; `-` for none. Without it, a message answers the open question
                if there is one.
            policy: what happens to a reply that is running.

        Raises:
            MessageRefused: empty, too long, or not text.
            InboxFull: too many wait, or the policy refuses it during a reply; `retry_after` says when to try again.
            NotWaiting: the question that it answers is not open.
            SessionFull, SessionGone: this session takes no more messages.
            UnknownMessage: there is no message that it could replace.
            Unacknowledged: taken, but not as safely as `ack` demands; the same id again confirms it.
        """
        if not 1 <= len(message_id) <= 128 or not message_id.isprintable():
            raise MessageRefused("a message id has 1 to 128 printable characters")
        if message_id.endswith(REPLY):
            raise MessageRefused(f"a message id does not end in {REPLY}: so end the ids of replies")
        self._check(text)
        result = await self._scripts.accept(
            self._keys.session(session),
            session,
            message_id,
            text,
            self._limits.inbox,
            self._limits.turns,
            replaces or "",
            answers or "",
            policy,
        )
        match result.code:
            case Code.OK | Code.DUP:
                assert result.turn is not None
                return Receipt(result.turn, result.code is Code.DUP)
            case Code.BUSY if policy == "reject":
                raise InboxFull("a reply is running, or more wait; send this one again after it", retry_after=2.0)
            case Code.BUSY:
                raise InboxFull(
                    f"{self._limits.inbox} messages wait in this session already; send this one again later",
                    retry_after=2.0,
                )
            case Code.FULL:
                raise SessionFull(f"the session holds {self._limits.turns} messages, as many as it may")
            case Code.LATE:
                raise NotWaiting("the question that this message answers is not open any more")
            case code:
                raise refusal(code)

    def _check(self, text: str) -> None:
        if not text.strip():
            raise MessageRefused("the message is empty")
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise MessageRefused("the message holds half a character (a lone surrogate)") from None
        if size > self._limits.message_bytes:
            raise MessageRefused(f"the message has {size} bytes; at most {self._limits.message_bytes} are allowed")

    async def cancel(self, session: str, message_id: str) -> Code:
        """Stops the reply to a message; the partial answer is kept. Returns RUNNING, QUEUED or DONE.

        Raises:
            UnknownMessage, SessionGone: there is nothing to stop.
        """
        code = await self._scripts.cancel(self._keys.session(session), session, message_id)
        if code in (Code.UNKNOWN, Code.GONE):
            raise refusal(code)
        return code

    async def edit(self, session: str, message_id: str, text: str) -> None:
        """Gives a message that still waits another text, at its place in the order.

        Raises:
            MessageRefused: empty, too long, or not text.
            NotWaiting: its reply began, or it was stopped.
            UnknownMessage, SessionGone: there is nothing to edit.
        """
        self._check(text)
        code = await self._scripts.edit(self._keys.session(session), session, message_id, text)
        if code is not Code.OK:
            raise refusal(code)

    async def withdraw(self, session: str, message_id: str) -> None:
        """Takes back a message that still waits; its outcome will be CANCELLED. Raises what `edit` raises."""
        code = await self._scripts.withdraw(self._keys.session(session), session, message_id)
        if code is not Code.OK:
            raise refusal(code)

    async def send_now(self, session: str, message_id: str) -> None:
        """Makes a message that still waits the next one and stops the running reply. Raises what `edit` raises."""
        code = await self._scripts.send_now(self._keys.session(session), session, message_id)
        if code is not Code.OK:
            raise refusal(code)

    async def take(
        self, session: str, entry: str, nonce: str, *, attempts: int, continuing: str, context: int
    ) -> Claim | None:
        """Starts the next attempt of a session, or returns None if there is nothing to do.

        Args:
            session: its id.
            entry: the ready entry that was read or reclaimed.
            nonce: of this take; the same nonce twice gives the same claim.
            attempts: how many a message may have before it is committed as failed.
            continuing: names of the bots that continue a partial text, with a comma around each.
            context: how many earlier messages to hand over. They are not read if this process committed the last reply
                of the session and nothing was changed since.
        """
        # Messages are stored when they are accepted, replies when they are committed: up to a full inbox of replies
        # may stand behind a message that they are older than.
        window = context + self._limits.inbox
        known = self._recall.pop(session)
        if known is not None and known.context != context:
            known = None
        version = known and (known.epoch, known.change)
        taken = await self._scripts.take(
            self._keys.session(session), session, entry, nonce, attempts, continuing, window, version
        )
        if taken.code is not Code.OK:
            return None
        return claimed(session, entry, taken, context, known)

    async def checkpoint(self, claim: Claim, number: int, journal: Journal, seq: int | None) -> bool:
        """Keeps what a bot wants to find in its next attempt.

        Returns False if a failover lost the chunk that `seq` names: then nothing was kept.

        Args:
            claim: the attempt.
            number: 1, 2, 3 … within it.
            journal: what to keep.
            seq: the last chunk that the next attempt leaves standing; None leaves that as it was.

        Raises:
            LeaseLost: another attempt owns the reply, or the session is gone.
        """
        keys = self._keys.session(claim.session)
        code = await self._scripts.checkpoint(keys, claim.session, claim.epoch, number, encode(journal), seq)
        if code is Code.LOST:
            raise LeaseLost(f"session {claim.session} was taken over by a newer attempt")
        return code is Code.OK

    async def finish(self, claim: Claim, seq: int, outcome: Outcome) -> bool:
        """Commits the outcome. True if it is committed now or was before, False if the session is gone.

        Args:
            claim: the attempt.
            seq: a sequence of this epoch that no write was ever tried with.
            outcome: how it ended.

        Raises:
            LeaseLost: another attempt owns the reply.
            MessageRefused: the store refuses the text or a part; nothing was written.
        """
        said = members(outcome)
        result = await self._scripts.finish(
            self._keys.session(claim.session),
            claim.session,
            claim.entry,
            claim.epoch,
            seq,
            outcome.status,
            said,
            outcome.reason,
            settled(claim, outcome),
            claim.message.id + REPLY,
        )
        match result.code:
            case Code.OK:
                if known := remembered(claim, said, result.timestamp):
                    self._recall.keep(claim.session, known)
                return True
            case Code.ALREADY:
                return True
            case Code.GONE:
                return False
            case Code.BAD:
                raise MessageRefused(f"the store refuses the reply: {result.reason}")
            case _:
                raise LeaseLost(f"session {claim.session} was taken over by a newer attempt")

    async def renew(self, claim: Claim, consumer: str) -> bool:
        """Keeps the lease; returns whether somebody cancelled the reply.

        Raises:
            LeaseLost: another attempt owns the reply, or the session is gone.
        """
        result = await self._scripts.renew(self._keys.session(claim.session), claim.session, claim.epoch, consumer)
        if result.code is not Code.OK:
            raise LeaseLost(f"session {claim.session} was taken over by a newer attempt")
        return result.cancelled

    async def release(self, claim: Claim, *, counts: bool = False) -> None:
        """Hands the reply back, for another worker to take at once. Does nothing if the lease is lost."""
        await self._scripts.release(self._keys.session(claim.session), claim.session, claim.epoch, counts=counts)

    async def forget(self, tag: str, silence: float) -> int:
        """Removes workers from a partition's group that were silent for so many seconds and hold no session."""
        return await self._scripts.forget(self._keys.partition(tag), silence)

    async def depth(self) -> list[tuple[str, int, int]]:
        """For each partition: its tag, how many sessions have work, and how many of those a worker holds."""
        found = []
        for tag in self._keys.tags:
            ready = self._keys.partition(tag).ready
            length, groups = await self._router.pipeline(tag, ("XLEN", ready), ("XPENDING", ready, GROUP), errors=True)
            pending = 0 if isinstance(groups, Exception) else groups[0]
            found.append((tag, length, pending))
        return found

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """The newest dead letters of each partition, newest first."""
        letters = []
        for tag in self._keys.tags:
            rows = await self._router.command(
                tag, "XREVRANGE", self._keys.partition(tag).dead, "+", "-", "COUNT", str(limit)
            )
            letters += [_dead(tag, row) for row in rows]
        letters.sort(key=lambda letter: StreamId.parse(letter.id), reverse=True)
        return letters[:limit]

    async def drop_dead(self, letter: DeadLetter) -> bool:
        """Deletes a dead letter; the failed reply stays in the history. False if it was gone already."""
        dead = self._keys.partition(letter.tag).dead
        return bool(await self._router.command(letter.tag, "XDEL", dead, letter.id))

    async def retry_dead(self, letter: DeadLetter, text: str) -> Receipt:
        """Sends the text of a dead letter again, as a new message, and deletes the letter.

        A second call for the same letter accepts nothing new.
        """
        receipt = await self.accept(letter.session, f"retry-{letter.id}", text, answers="-")
        await self.drop_dead(letter)
        return receipt


def _dead(tag: str, row: Any) -> DeadLetter:
    id_, fields = row
    value = dict(zip(fields[::2], fields[1::2], strict=True))
    return DeadLetter(
        tag,
        id_.decode(),
        value[b"s"].decode(),
        value[b"m"].decode(),
        value[b"t"].decode(),
        int(value[b"a"]),
        value[b"e"].decode(errors="replace"),
    )
