"""One typed method for each Lua file, and what each may answer.

Every script is atomic, and idempotent when it is sent twice with the same arguments: the router repeats it after a
lost connection without asking. Their rules are written down at the head of each file in `lua/`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from unbroken.cursor import ZERO, Cursor, StreamId
from unbroken.errors import MessageRefused, NotWaiting, Refused, SessionGone, Unacknowledged, UnknownMessage
from unbroken.keys import PartitionKeys, SessionKeys
from unbroken.redis.router import Router, Script
from unbroken.types import Policy, Status

NAMES = (
    "create",
    "accept",
    "take",
    "checkpoint",
    "finish",
    "renew",
    "release",
    "cancel",
    "resume",
    "touch",
    "edit",
    "withdraw",
    "send_now",
    "feedback",
    "rename",
    "delete",
)
"""The scripts of a session; they share `common.lua`, and their keys."""

FORGET = "forget"
"""The script of a partition."""

_FUNCTION = re.compile(r"^local function (\w+)", re.MULTILINE)


@cache
def source(name: str) -> str:
    """The text of a script as Redis gets it: its shebang, what it needs of the common part, its body."""
    folder = files("unbroken") / "lua"
    shebang, _, text = (folder / f"{name}.lua").read_text().partition("\n")
    if name in NAMES:
        # A function calls only those above it, so from below each is known to be needed or not when it is met.
        for block in reversed((folder / "common.lua").read_text().split("\n\n")):
            function = _FUNCTION.search(block)
            if function is None or re.search(rf"(?<![\w.]){function[1]}\(", text):
                text = f"{block.strip()}\n\n{text}"
    return f"{shebang}\n{text}"


@cache
def load(name: str) -> Script:
    """A script with its SHA-1, ready to run."""
    text = source(name)
    return Script(name, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), text)


class Code(StrEnum):
    """What scripts answer. Which of them a script may give is the head of its file."""

    OK = "OK"
    EXISTS = "EXISTS"
    DUP = "DUP"
    GONE = "GONE"
    BUSY = "BUSY"
    FULL = "FULL"
    BAD = "BAD"
    EMPTY = "EMPTY"
    STALE = "STALE"
    ALREADY = "ALREADY"
    FENCED = "FENCED"
    LOST = "LOST"
    BEHIND = "BEHIND"
    RUNNING = "RUNNING"
    QUEUED = "QUEUED"
    DONE = "DONE"
    UNKNOWN = "UNKNOWN"
    LATE = "LATE"
    SNAP = "SNAP"


_CODES = {code.encode(): code for code in Code}


class Accepted(NamedTuple):
    """OK or DUP with the turn id; GONE, BUSY, FULL, UNKNOWN, LATE; BAD with the store's reason."""

    code: Code
    turn: StreamId | None = None
    reason: str = ""


class Taken(NamedTuple):
    """OK with all that the attempt needs; EMPTY, GONE or STALE with nothing.

    Attributes:
        message: the frame of `message.accepted`.
        parts: JSON, `[part, ...]`, or empty.
        kept: what the bot kept in an earlier attempt, or empty.
        asked: what the bot kept that asked the question which the message answers, or empty.
        found: JSON, by path: the name of the session in a list, its bot in a list, and the newest messages, also those
            of later turns; for an answer also those around the message that led to the question. Empty if what the
            worker knows is right.
        change: the newest change of what was accepted or committed before.
    """

    code: Code
    turn: StreamId | None = None
    epoch: int = 0
    attempt: int = 0
    message: bytes = b""
    partial: str = ""
    parts: bytes = b""
    kept: bytes = b""
    asked: bytes = b""
    found: bytes = b""
    change: StreamId = ZERO


class Renewed(NamedTuple):
    """OK or LOST."""

    code: Code
    cancelled: bool = False


class Finished(NamedTuple):
    """OK with the log id and the timestamp of the outcome, ALREADY, FENCED, GONE; BAD with the store's reason."""

    code: Code
    id: StreamId | None = None
    reason: str = ""
    timestamp: str = ""


class Resumed(NamedTuple):
    """OK, SNAP or GONE.

    Attributes:
        tail: newest turn id.
        top: OK: newest log id. SNAP: the anchor, the log id that `log` follows.
        inbox: OK: stream entries after the cursor.
        messages: SNAP: JSON, `[[message, ...]]`.
        name: SNAP: JSON, `[name]`: the name of the session.
        change: the newest change id.
        log: stream entries after the cursor, or after the anchor.
    """

    code: Code
    tail: StreamId | None = None
    top: StreamId | None = None
    change: StreamId = ZERO
    inbox: Sequence[Any] = ()
    messages: bytes = b""
    log: Sequence[Any] = ()
    name: bytes = b""


class Scripts:
    """The scripts of one deployment.

    All methods raise `Unavailable` if Redis cannot be reached, or cannot write, before the router's deadline; the
    call may then have happened or not, and may be repeated.

    Args:
        router: where to run them.
        ttl: seconds that a session lives without activity; 0 keeps it for ever.
    """

    def __init__(self, router: Router, ttl: int) -> None:
        self._router = router
        self._ttl = ttl * 1000
        for name in (*NAMES, FORGET):
            load(name)  # now, because later there may be no descriptor left to read a file with

    async def _run(self, name: str, keys: SessionKeys, session: str, *args: str | bytes | int) -> list[Any]:
        head = (session, self._ttl, keys.events)
        return words(await self._router.run(keys.tag, load(name), keys.script, (*head, *args)))

    async def _change(self, name: str, keys: SessionKeys, session: str, *args: str) -> Code:
        """Makes a change, which the nonce tells from the same change asked for again."""
        return _CODES[(await self._run(name, keys, session, secrets.token_hex(8), *args))[0]]

    async def create(self, keys: SessionKeys, session: str, name: str, digest: str, bot: str = "") -> str | None:
        """Makes a session; returns its start in ISO 8601, or None if the id is taken."""
        reply = await self._run("create", keys, session, name, digest, bot)
        return reply[1].decode() if reply[0] == b"OK" else None

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
        """Takes a message into the session, once for each message id.

        Raises:
            Unacknowledged: it is taken, now or before, but not as safely as `ack` demands.
        """
        args = (
            session, self._ttl, keys.events, message_id, text, inbox_limit, turn_limit, replaces, answers, policy,
            keys.control,
        )  # fmt: skip
        answer, confirmed = await self._router.confirm(keys.tag, load("accept"), keys.script, args)
        reply = words(answer)
        code = _CODES[reply[0]]
        if code in (Code.OK, Code.DUP):
            if not confirmed:
                raise Unacknowledged("too few replicas have the message; send it again with the same id")
            return Accepted(code, StreamId.parse(reply[1]))
        return Accepted(code, reason=_reason(reply))

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
        """Starts the next attempt of a session, and fences every attempt before it.

        `continuing` are the names of the bots that continue partial texts, with a comma around each. `known` are the
        epoch of the last commit and the newest change that the messages are known of.
        """
        version = " ".join(map(str, known)) if known else ""
        reply = await self._run("take", keys, session, entry, nonce, attempts, continuing, context, version)
        code = _CODES[reply[0]]
        if code is not Code.OK:
            return Taken(code)
        _, turn, epoch, attempt, message, partial, parts, kept, asked, found, change = reply
        return Taken(
            code,
            StreamId.parse(turn),
            int(epoch),
            int(attempt),
            message,
            partial.decode(),
            parts,
            kept,
            asked,
            found,
            StreamId.parse(change),
        )

    async def checkpoint(
        self, keys: SessionKeys, session: str, epoch: int, number: int, data: bytes, seq: int | None
    ) -> Code:
        """Keeps what a bot wants to find in its next attempt. Returns OK, LOST or BEHIND.

        `number` counts the calls of the epoch. `seq` is the last chunk that the next attempt leaves standing, which has
        to be in the log; None leaves that as it was.
        """
        reply = await self._run("checkpoint", keys, session, epoch, number, data, "" if seq is None else seq)
        return _CODES[reply[0]]

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
        """Commits the outcome of an attempt; `outcome` are JSON members, `seq` was never tried before.

        `asked` is what the bot keeps that asks a question with this reply, or empty.
        """
        reply = await self._run(
            "finish", keys, session, entry, epoch, seq, status.value, outcome, reason, asked, reply_id
        )
        code = _CODES[reply[0]]
        if code is Code.OK:
            return Finished(code, StreamId.parse(reply[1]), timestamp=reply[2].decode())
        return Finished(code, reason=_reason(reply))

    async def renew(self, keys: SessionKeys, session: str, epoch: int, consumer: str) -> Renewed:
        """Keeps the lease of a running attempt, and says whether it was cancelled."""
        reply = await self._run("renew", keys, session, epoch, consumer)
        return Renewed(_CODES[reply[0]], len(reply) > 1 and reply[1] == b"1")

    async def release(self, keys: SessionKeys, session: str, epoch: int, *, counts: bool) -> Code:
        """Hands a running attempt back. Returns OK or LOST."""
        reply = await self._run("release", keys, session, epoch, int(counts))
        return _CODES[reply[0]]

    async def cancel(self, keys: SessionKeys, session: str, message_id: str) -> Code:
        """Stops a reply. Returns RUNNING, QUEUED, DONE, UNKNOWN or GONE."""
        reply = await self._run("cancel", keys, session, message_id, keys.control)
        return _CODES[reply[0]]

    async def resume(self, keys: SessionKeys, session: str, cursor: Cursor | None, limit: int, size: int) -> Resumed:
        """Reads what came after a cursor, at most `limit` log entries, none behind `size` bytes; changes nothing."""
        turn, log, change = map(str, cursor) if cursor else ("", "", "")
        reply = await self._run("resume", keys, session, turn, log, limit, change, size)
        code = _CODES[reply[0]]
        if code is Code.GONE:
            return Resumed(code)
        tail, top, rev = map(StreamId.parse, reply[1:4])
        if code is Code.OK:
            return Resumed(code, tail, top, rev, inbox=reply[4], log=reply[5])
        return Resumed(code, tail, top, rev, messages=reply[4], log=reply[5], name=reply[6])

    async def touch(self, keys: SessionKeys, session: str) -> Code:
        """Renews the time to live of the session's keys. Returns OK or GONE."""
        return _CODES[(await self._run("touch", keys, session))[0]]

    async def edit(self, keys: SessionKeys, session: str, message_id: str, text: str) -> Code:
        """Gives a waiting message another text. Returns OK, LATE, UNKNOWN, GONE or BAD."""
        return await self._change("edit", keys, session, message_id, text)

    async def withdraw(self, keys: SessionKeys, session: str, message_id: str) -> Code:
        """Takes a waiting message out of view. Returns OK, LATE, UNKNOWN or GONE."""
        return _CODES[(await self._run("withdraw", keys, session, message_id))[0]]

    async def send_now(self, keys: SessionKeys, session: str, message_id: str) -> Code:
        """Makes a waiting message the next and stops the running reply. Returns OK, LATE, UNKNOWN or GONE."""
        return await self._change("send_now", keys, session, message_id, keys.control)

    async def feedback(self, keys: SessionKeys, session: str, message_id: str, value: str) -> Code:
        """Stores a verdict, or none (''), with the reply to a message. Returns OK, LATE, UNKNOWN or GONE."""
        return await self._change("feedback", keys, session, message_id, value)

    async def rename(self, keys: SessionKeys, session: str, name: str) -> Code:
        """Gives a session another name. Returns OK or GONE."""
        return await self._change("rename", keys, session, name)

    async def delete(self, keys: SessionKeys, session: str) -> Code:
        """Removes a session with all its keys. Returns OK or GONE."""
        return _CODES[(await self._run("delete", keys, session, keys.control))[0]]

    async def forget(self, keys: PartitionKeys, silence: float) -> int:
        """Removes consumers that were silent for so many seconds and hold nothing; returns how many."""
        return int(await self._router.run(keys.tag, load(FORGET), (keys.ready,), (round(silence * 1000),)))


def words(reply: bytes | list[Any]) -> list[Any]:
    """What a script of a session answers, word by word."""
    return reply.split() if isinstance(reply, bytes) else reply


def refusal(code: Code) -> Refused:
    """What it means for a caller that a script did not do what it was asked for."""
    match code:
        case Code.UNKNOWN:
            return UnknownMessage("no accepted message of this session has this id")
        case Code.LATE:
            return NotWaiting("the reply to this message began already, or is not there yet")
        case Code.BAD:
            return MessageRefused("the text holds characters that cannot be stored")
        case _:
            return SessionGone()


def _reason(reply: list[Any]) -> str:
    return reply[1].decode(errors="replace") if len(reply) > 1 else ""
