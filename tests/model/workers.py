"""What workers do: wait for work, claim it, write chunks, renew, hand back, commit - and die between any two steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tests.model.connection import ReplyError
from tests.model.replies import UNSTORABLE
from tests.model.router import drive
from tests.model.shape import ATTEMPTS, CONTEXT
from tests.model.violation import require
from unbroken.cursor import StreamId
from unbroken.errors import LeaseLost, MessageRefused, Unavailable
from unbroken.keys import GROUP
from unbroken.log import Entry, Kind
from unbroken.protocol import ReplyDelta, ReplyPart, encode
from unbroken.queue import Claim, Outcome
from unbroken.types import Data, Failure, Part, Reasoning, Status

if TYPE_CHECKING:
    from tests.model.world import World

CHUNKS = 6
"""Most log entries that an attempt writes."""
SPICE = ("", " é ü 漢字", " 😀", ' "quoted" \\ /', " \n\t\r", " \x00\x01\x7f\u2028", " 'single'", " </script>")
"""What texts end in."""


def find_work(world: World, consumer: str) -> None:
    """Waits for work and begins an attempt, if there is some."""
    entry = _reclaim(world, consumer) if world.chance.random() < 0.45 else _read(world, consumer)
    if entry is None or world.chance.random() < 0.05:  # died with it in its hands
        return
    ready, session = entry
    continues = world.chance.random() < 0.5
    nonce = world.fresh(f"{consumer}.")
    try:
        claim = drive(world.queue.take(session, ready, nonce, attempts=ATTEMPTS, continues=continues, context=CONTEXT))
    except Unavailable:
        return
    if claim is None or world.chance.random() < 0.05:
        return
    told, seen = claim.context, world.journals[session].context(claim.turn.first)
    require(told[-1] == claim.message == seen[-1], "the bot is asked something else", claim.message, told, seen)
    require(told == seen[-len(told) :], "the bot is told another conversation", told, seen)
    if len(seen) == 2 * claim.turn.first - 1:  # nothing is out of view
        require(len(told) == min(len(seen), CONTEXT + 1), "the bot is told too little", told, seen)
    world.attempts.append(Attempt(world, consumer, claim))


def _read(world: World, consumer: str) -> tuple[str, str] | None:
    ready = world.keys(world.sessions[0]).ready
    found = world.connection.pipeline(("XREADGROUP", "GROUP", GROUP, consumer, "COUNT", 1, "STREAMS", ready, ">"))[0]
    if _no_group(world, found) or not found:
        return None
    return _ready(found[ready.encode()][0])


def _reclaim(world: World, consumer: str) -> tuple[str, str] | None:
    """Claims an entry whose worker is silent; now and then one whose worker is well, as after a long pause."""
    ready = world.keys(world.sessions[0]).ready
    pending = world.connection.pipeline(("XPENDING", ready, GROUP, "-", "+", 50))[0]
    if _no_group(world, pending):
        return None
    held = {attempt.claim.entry for attempt in world.attempts if not attempt.stopped}
    world.chance.shuffle(pending)
    for id_, *_ in pending:
        if id_.decode() not in held or world.chance.random() < 0.06:
            claimed = world.connection.run("XCLAIM", ready, GROUP, consumer, 0, id_)
            return _ready(claimed[0]) if claimed else None
    return None


def _no_group(world: World, reply: Any) -> bool:
    if not isinstance(reply, ReplyError):
        return False
    require(str(reply).startswith("NOGROUP"), "the ready stream cannot be read", reply)
    world.make_group()
    return True


def _ready(raw: Any) -> tuple[str, str]:
    return raw[0].decode(), raw[1][1].decode()


class Attempt:
    """One attempt in the memory of one worker, which may have been replaced without knowing it.

    Attributes:
        stopped: as by SIGSTOP; it goes on later as if nothing had happened.
        cancelled: somebody told the worker.
        unsure: the connection broke; what was written is not known.
    """

    def __init__(self, world: World, consumer: str, claim: Claim) -> None:
        self._world = world
        self._consumer = consumer
        self.claim = claim
        self.stopped = False
        self.cancelled = False
        self.unsure = False
        self._written: list[Entry] = []
        self._text = claim.partial
        self._parts: list[Part] = []
        self._outcome: Outcome | None = None

    def step(self) -> bool:
        """Does the next thing. Returns whether the attempt goes on."""
        try:
            if self._outcome:  # from here on there is nothing but to commit it
                return self._commit(self._outcome)
            if self.unsure:
                return self._look()
            choice = self._world.chance.random()
            if choice < 0.55 and len(self._written) < CHUNKS and not self.cancelled:
                return self._say()
            if choice < 0.70:
                self.cancelled |= drive(self._world.queue.renew(self.claim, self._consumer))
                return True
            if choice < 0.75:
                counts = self._world.chance.random() < 0.5
                drive(self._world.queue.release(self.claim, counts=counts))
                return False
            return self._finish()
        except LeaseLost:
            return False
        except Unavailable:
            self.unsure = True
            return True

    def _look(self) -> bool:
        """After a lost connection: looks what is there, and writes again what is not, byte by byte the same."""
        top = drive(self._world.log.top(self.claim.session))
        if top is None:
            return self._finish()
        self.unsure = False
        if top.first != self.claim.epoch:
            return False
        missing = [entry for entry in self._written if entry.id > top]
        return not missing or self._send(missing)

    def _say(self) -> bool:
        """Produces some pieces, merges what can be merged, and writes it as one batch."""
        chance = self._world.chance
        frames: list[tuple[Kind, bytes]] = []
        text = ""
        for _ in range(chance.randint(1, 4)):
            if chance.random() < 0.25:
                frames += self._delta(text)
                text = ""
                part = Reasoning(self._world.fresh("because "))
                self._parts.append(part)
                frames.append((Kind.PART, encode(ReplyPart(self.claim.turn.first, part))))
            else:
                piece = self._world.fresh(f"{self._consumer}:") + chance.choice(SPICE)
                self._text += piece
                text += piece
        frames += self._delta(text)
        begin = len(self._written) + 1
        entries = [Entry(kind, StreamId(self.claim.epoch, begin + n), frame) for n, (kind, frame) in enumerate(frames)]
        self._written += entries
        return self._send(entries)

    def _delta(self, text: str) -> list[tuple[Kind, bytes]]:
        return [(Kind.DELTA, encode(ReplyDelta(self.claim.turn.first, text)))] if text else []

    def _send(self, entries: list[Entry]) -> bool:
        world, session = self._world, self.claim.session
        fate = world.chance.random()
        if fate < 0.08:  # dies with the write half done
            world.append(session, entries, world.chance.randint(0, 2 * len(entries)))
            return False
        if fate < 0.16:  # the connection breaks with the write half done
            world.append(session, entries, world.chance.randint(0, 2 * len(entries)))
            self.unsure = True
            return True
        if fate < 0.20:  # the connection breaks, and the write arrives later
            world.late.append((session, entries))
            self.unsure = True
            return True
        for reply in world.append(session, entries):
            if isinstance(reply, ReplyError):
                return False
            if reply is None:
                return self._finish()
        return True

    def _finish(self) -> bool:
        chance = self._world.chance
        if chance.random() < 0.06:
            self._commit_unstorable()
        if self.cancelled:
            self._outcome = Outcome(Status.CANCELLED, self._text, parts=self._parts)
        elif chance.random() < 0.1:
            failure = Failure("bot_error", "Sorry.")
            self._outcome = Outcome(Status.FAILED, self._text, failure, self._parts, "it \x00 broke")
        else:
            self._outcome = Outcome(Status.COMPLETED, self._text, parts=self._parts)
        return self._commit(self._outcome)

    def _commit(self, outcome: Outcome) -> bool:
        # The sequence is one that no chunk was ever tried with: none of them can arrive behind the outcome.
        drive(self._world.queue.finish(self.claim, len(self._written) + 1, outcome))
        return False

    def _commit_unstorable(self) -> None:
        """Tries to commit what the JSON module refuses: that must change nothing."""
        world, claim, seq = self._world, self.claim, len(self._written) + 1
        mark = world.chance.choice(UNSTORABLE)
        if mark.startswith(b"["):
            deep: Any = msgspec.json.decode(b"[" * 200 + b"]" * 200)
            try:
                outcome = Outcome(Status.COMPLETED, self._text, parts=[Data("deep", deep)])
                drive(world.queue.finish(claim, seq, outcome))
            except MessageRefused:
                world.happened["unstorable"] += 1
            return
        keys = world.keys(claim.session)
        drive(
            world.scripts.finish(
                keys, claim.session, claim.entry, claim.epoch, seq, Status.COMPLETED, b'"msg":"' + mark + b'"', ""
            )
        )
        world.happened["unstorable"] += 1
