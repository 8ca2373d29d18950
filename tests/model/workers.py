"""What workers do: wait for work, claim it, write chunks, renew, hand back, commit - and die between any two steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tests.model.connection import ReplyError
from tests.model.replies import UNSTORABLE
from tests.model.router import drive
from tests.model.shape import ATTEMPTS, CONTEXT, INBOX
from tests.model.violation import require
from unbroken.claim import Asked, Claim, Outcome
from unbroken.errors import LeaseLost, MessageRefused, Unavailable
from unbroken.keys import GROUP
from unbroken.turn import Journal as Kept
from unbroken.types import Data, Failure, Question, Reasoning, Status
from unbroken.worker.channel import Channel, State

if TYPE_CHECKING:
    from tests.model.journal import Journal
    from tests.model.world import World

CHUNKS = 6
"""Most log entries that an attempt writes."""
CONTINUING = ("", ",,", ",poet,", ",,poet,")
"""Names of bots that continue partial texts, as workers say them."""
SPICE = ("", " é ü 漢字", " 😀", ' "quoted" \\ /', " \n\t\r", " \x00\x01\x7f\u2028", " 'single'", " </script>")
"""What texts end in."""


def find_work(world: World, consumer: str) -> None:
    """Waits for work and begins an attempt, if there is some."""
    entry = _reclaim(world, consumer) if world.chance.random() < 0.45 else _read(world, consumer)
    if entry is None or world.chance.random() < 0.05:  # died with it in its hands
        return
    ready, session = entry
    continuing = world.chance.choice(CONTINUING)
    nonce = world.fresh(f"{consumer}.")
    try:
        claim = drive(
            world.queue.take(session, ready, nonce, attempts=ATTEMPTS, continuing=continuing, context=CONTEXT)
        )
    except Unavailable:
        return
    if claim is None or world.chance.random() < 0.05:
        return
    _check_claim(world.journals[session], claim)
    world.happened[f"claim of {'an answer' if claim.subject is not claim.message else 'a message'}"] += 1
    world.attempts.append(Attempt(world, consumer, claim))


def _check_claim(journal: Journal, claim: Claim) -> None:
    """The bot is told the conversation up to what it has to answer, and finds what it kept."""
    turn = claim.turn.first
    message, asking = journal.question(turn), journal.asking(turn)
    subject, kept = message, Kept()
    size = CONTEXT + INBOX + len(journal.waiting)
    known = journal.document[-size:]
    text = "\n\n".join(journal.together(turn, known))
    if asking:
        asked = msgspec.json.decode(journal.asked[asking], type=Asked)
        around = slice(max(0, 2 * asked.turn - 2 - size), 2 * asked.turn + size)
        text = "\n\n".join(journal.together(turn, [*known, *journal.document[around]]))
        kept = asked.journal
        kept.answers = [*kept.answers, text]
        subject, text = asked.message, asked.text
    if journal.progress.kept:
        kept = msgspec.json.decode(journal.progress.kept, type=Kept)
    require((claim.message, claim.subject) == (message, subject), "B: the bot is asked something else", claim, subject)
    require(claim.journal == kept, "D: the bot finds something else", claim.journal, kept)
    told = claim.context
    seen = [one for one in journal.context(subject.turn) if one.turn < subject.turn]
    require(told[-1] == subject == journal.question(subject.turn), "B: the bot is told another message", told, subject)
    require(told[:-1] == seen[len(seen) - len(told) + 1 :], "D: the bot is told another conversation", told, seen)
    if len(seen) == 2 * subject.turn - 2:  # nothing is out of view
        require(len(told) == min(len(seen), CONTEXT) + 1, "D: the bot is told too little", told, seen)
    require(claim.text == text, "D: the bot is to answer another text", claim.text, text)


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
    require(str(reply).startswith("NOGROUP"), "E: the ready stream cannot be read", reply)
    if not world.full:
        world.make_group()
    return True


def _ready(raw: Any) -> tuple[str, str]:
    return raw[0].decode(), raw[1][1].decode()


class Attempt:
    """One attempt in the memory of one worker, which may have been replaced without knowing it.

    What it says goes through the real `Channel`; this stands in for the outbox and for the bot.

    Attributes:
        stopped: as by SIGSTOP; it goes on later as if nothing had happened.
        cancelled: somebody told the worker.
    """

    def __init__(self, world: World, consumer: str, claim: Claim) -> None:
        self._world = world
        self._consumer = consumer
        self.claim = claim
        self.stopped = False
        self.cancelled = False
        self._outcome: Outcome | None = None
        self._journal = claim.journal
        self._number = 0
        self._saving: tuple[int, Kept, int | None] | None = None
        self._moved = False
        keys = world.keys(claim.session)
        self._channel = Channel(self, claim, keys, 1 << 20, on_lost=lambda: None, on_gone=lambda: None)

    def enqueue(self, channel: Channel) -> None:
        """A chunk may leave; it does when the schedule says so."""

    def recover(self, channel: Channel, error: BaseException) -> None:
        """The log lacks something."""
        self.lose_connection()

    def move(self) -> None:
        """Another server is the primary; the worker may not know it before it writes the next chunk."""
        if self._world.chance.random() < 0.5:
            self.lose_connection()
        self._moved = True

    def lose_connection(self) -> None:
        """What was written is not known any more."""
        self._moved = False
        self._channel.in_flight = False
        if self._channel.state is State.OPEN:
            self._channel.state = State.RECOVERING

    def step(self) -> bool:
        """Does the next thing. Returns whether the attempt goes on."""
        try:
            if self._outcome:  # from here on there is nothing but to commit it
                return self._commit(self._outcome)
            return self._next(self._world.chance.random())
        except LeaseLost:
            return False
        except Unavailable:
            self.lose_connection()
            return True

    def _next(self, choice: float) -> bool:
        if not self.cancelled:
            if self._saving and choice < 0.5:
                return self._save(*self._saving)  # the bot waits for it
            if self._moved and choice < 0.3:
                return self._checkpoint()
            if choice < 0.4 and self._channel.next_seq <= CHUNKS and not self._saving:
                self._say()
        if choice < 0.6 and self._channel.state is State.RECOVERING:
            return self._catch_up()
        if choice < 0.6 and self._channel.due:
            return self._send(self._channel.cut())
        if choice < 0.65 and not self.cancelled:
            return self._checkpoint()
        if choice < 0.75:
            self.cancelled |= drive(self._world.queue.renew(self.claim, self._consumer))
            return True
        if choice < 0.80:
            counts = self._world.chance.random() < 0.5
            drive(self._world.queue.release(self.claim, counts=counts))
            return self._world.chance.random() < 0.2  # some do not know that they stopped
        return self._finish()

    def _say(self) -> None:
        """The bot says some pieces."""
        chance = self._world.chance
        for _ in range(chance.randint(1, 4)):
            if chance.random() < 0.25:
                self._channel.put(Reasoning(self._world.fresh("because ")))
            else:
                self._channel.put(self._world.fresh(f"{self._consumer}:") + chance.choice(SPICE))

    def _checkpoint(self) -> bool:
        """The bot keeps something, and maybe what it said until now."""
        chance = self._world.chance
        written = self._channel.state is State.OPEN and not self._channel.due
        self._number += 1
        self._journal = Kept(
            self._world.fresh("kept ") + chance.choice(SPICE),
            {**self._journal.steps, self._world.fresh("step "): None},
            self._journal.answers[chance.choice((0, len(self._journal.answers))) :],
        )
        marks = written and (self._moved or chance.random() < 0.7)
        return self._save(self._number, self._journal, self._channel.next_seq - 1 if marks else None)

    def _save(self, number: int, journal: Kept, seq: int | None) -> bool:
        self._saving = number, journal, seq
        if drive(self._world.queue.checkpoint(self.claim, number, journal, seq)):
            self._saving = None
        else:
            self._channel.behind()
        return True

    def _send(self, seq: int) -> bool:
        """Writes a chunk, maybe not for the first time."""
        if self._moved:  # at another server that chunk may leave a hole: first it is asked
            self.lose_connection()
            return True
        world, session = self._world, self.claim.session
        commands = self._channel.commands(seq)
        fate = world.chance.random()
        if fate < 0.08:  # dies with the write half done
            world.append(session, commands[: world.chance.randint(0, 2)])
            return False
        if fate < 0.16:  # the connection breaks with the write half done
            world.append(session, commands[: world.chance.randint(0, 2)])
            self.lose_connection()
            return True
        if fate < 0.20:  # the connection breaks, and the write arrives later
            world.late.append((session, commands))
            self.lose_connection()
            return True
        reply = world.append(session, commands)
        if reply is None:
            return self._finish()
        if isinstance(reply, ReplyError):
            if str(reply).startswith("OOM"):
                self.lose_connection()
                return True
            return self._channel.state is State.RECOVERING  # there already, or fenced: the next look tells
        self._channel.answered()
        return True

    def _catch_up(self) -> bool:
        """After a lost connection: looks what is there, and writes again what is not, byte by byte the same."""
        top = drive(self._world.log.top(self.claim.session))
        if top is None:
            return self._finish()
        if top.first != self.claim.epoch:
            return False
        if top.second + 1 < self._channel.next_seq:
            return self._send(top.second + 1)
        self._channel.state = State.OPEN
        self._channel.answered()
        return True

    def _finish(self) -> bool:
        chance = self._world.chance
        asks = not self.cancelled and not self._saving and chance.random() < 0.3
        if asks:
            question = self._world.fresh("may I ") + chance.choice(SPICE)
            self._channel.put(question)
            self._channel.put(Question(question, ["yes", "no"]))
        self._channel.close()
        if chance.random() < 0.06:
            self._commit_unstorable()
        text, parts = self._channel.text, self._channel.parts
        if self.cancelled:
            self._outcome = Outcome(Status.CANCELLED, text, parts=parts)
        elif asks:
            self._outcome = Outcome(Status.COMPLETED, text, parts=parts, journal=self._journal)
        elif chance.random() < 0.1:
            failure = Failure("bot_error", "Sorry.")
            self._outcome = Outcome(Status.FAILED, text, failure, parts, "it \x00 broke")
        else:
            self._outcome = Outcome(Status.COMPLETED, text, parts=parts)
        return self._commit(self._outcome)

    def _commit(self, outcome: Outcome) -> bool:
        # The sequence is one that no chunk was ever tried with: none of them can arrive behind the outcome.
        drive(self._world.queue.finish(self.claim, self._channel.next_seq, outcome))
        return False

    def _commit_unstorable(self) -> None:
        """Tries to commit what the JSON module refuses: that must change nothing."""
        world, claim, seq = self._world, self.claim, self._channel.next_seq
        mark = world.chance.choice(UNSTORABLE)
        if mark.startswith(b"["):
            deep: Any = msgspec.json.decode(b"[" * 200 + b"]" * 200)
            try:
                outcome = Outcome(Status.COMPLETED, self._channel.text, parts=[Data("deep", deep)])
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
