"""What each script has to answer, judged by the journal: the fence, the idempotence and the counting of attempts."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from tests.model.changes import movable
from tests.model.connection import Word
from tests.model.journal import Journal, Progress
from tests.model.parts import joined
from tests.model.violation import require
from unbroken.cursor import StreamId
from unbroken.protocol import MessageAccepted, decode_event
from unbroken.scripts import Code
from unbroken.types import Part

NONCE = ("edit", "send_now", "feedback", "rename")
"""Changes, which begin with a nonce."""


_parts = msgspec.json.Decoder(list[Part])


class Call(NamedTuple):
    """One call of a script; `args` are those behind the first three, which all scripts have."""

    script: str
    session: str
    keys: tuple[str, ...]
    head: tuple[Word, ...]
    args: tuple[Word, ...]

    def __str__(self) -> str:
        # Ready entries, whose ids are from the server's own clock, and nonces are left out: traces of a seed are equal.
        args = self.args[self.script in ("take", "finish", *NONCE) :]
        return f"{self.script} {self.session} {' '.join(repr(arg)[:40] for arg in args)}"


def allowed(journal: Journal, call: Call) -> set[Code]:
    """The codes that a script may answer now."""
    if journal.gone:
        return {Code.LOST if call.script in ("renew", "release", "checkpoint") else Code.GONE}
    if call.script in NONCE and call.args[0] in journal.calls:
        return {Code.OK}
    match call.script:
        case "accept":
            return {_accept(journal, call)}
        case "take":
            return {Code.OK, Code.EMPTY, Code.STALE}
        case "finish":
            return _finish(journal, int(call.args[1]), call.args[4])
        case "renew" | "release":
            return {Code.OK if journal.running == int(call.args[0]) else Code.LOST}
        case "checkpoint":
            return {_checkpoint(journal, call)}
        case "cancel":
            return {_cancel(journal, str(call.args[0]))}
        case "resume":
            return {Code.OK, Code.SNAP}
        case "edit" | "withdraw" | "send_now":
            return {_change(journal, call)}
        case "feedback":
            return {_feedback(journal, str(call.args[1]))}
        case _:
            return {Code.OK}


def _accept(journal: Journal, call: Call) -> Code:
    message_id, text, inbox, turns, replaces, answers, policy, _ = call.args
    if message_id in journal.ids:
        return Code.DUP
    if replaces and replaces not in journal.ids:
        return Code.UNKNOWN
    if answers and not replaces and answers != journal.answerable(policy == "merge"):
        return Code.LATE
    if len(journal.waiting) >= int(inbox) or (policy == "reject" and journal.waiting):
        return Code.BUSY
    if journal.tail.first >= int(turns):
        return Code.FULL
    return Code.OK if storable(text) else Code.BAD


def _finish(journal: Journal, epoch: int, outcome: Word) -> set[Code]:
    if journal.running == epoch:
        return {Code.OK if storable(outcome) else Code.BAD}
    return {Code.ALREADY if journal.fin == epoch else Code.FENCED}


def _checkpoint(journal: Journal, call: Call) -> Code:
    epoch, number, _, seq = call.args
    if journal.running != epoch:
        return Code.LOST
    if journal.progress.step >= (int(epoch), int(number)):
        return Code.OK
    there = seq == "" or (int(epoch), int(seq)) in {entry.id for entry in journal.log[journal.kept :]}
    return Code.OK if there else Code.BEHIND


def _cancel(journal: Journal, message_id: str) -> Code:
    if message_id not in journal.ids:
        return Code.UNKNOWN
    turn = journal.ids[message_id]
    if turn <= journal.done:
        return Code.DONE
    return Code.RUNNING if journal.running and journal.turn == turn else Code.QUEUED


def _change(journal: Journal, call: Call) -> Code:
    message_id = str(call.args[call.script in NONCE])
    code = movable(journal, message_id)
    if call.script == "withdraw" and code is Code.LATE and journal.question(journal.ids[message_id].first).withdrawn:
        return Code.OK
    return Code.BAD if code is Code.OK and call.script == "edit" and not storable(call.args[2]) else code


def _feedback(journal: Journal, message_id: str) -> Code:
    if message_id not in journal.ids:
        return Code.UNKNOWN
    return Code.OK if journal.ids[message_id] <= journal.done else Code.LATE


REMEMBERED = 16
"""Changes whose late copies are told from new ones."""

UNSTORABLE = (b"\xed\xa0\x80", b"\\ud800", b"[" * 129)
"""Half of a surrogate pair, as bytes and as an escape, and values nested too deeply for the JSON module."""


def storable(value: Word) -> bool:
    """Whether the JSON module takes a text."""
    return not (isinstance(value, bytes) and any(mark in value for mark in UNSTORABLE))


LAWS = {
    "accept": "A",
    "cancel": "A",
    "checkpoint": "F",
    "create": "A",
    "delete": "G",
    "edit": "B",
    "feedback": "D",
    "finish": "F",
    "release": "F",
    "rename": "D",
    "renew": "F",
    "resume": "D",
    "send_now": "B",
    "take": "E",
    "touch": "G",
    "withdraw": "B",
}
"""The law that a script breaks when it answers something else than it must."""


def consider(before: Journal, journal: Journal, call: Call, reply: list[Any], published: int) -> None:
    """Compares a reply with what happened, and notes in the journal what no event tells.

    Args:
        before: the journal before the call.
        journal: the journal with the events of the call.
        published: how many events and cancellations the call published.
    """
    code = Code(reply[0].decode())
    codes = allowed(before, call)
    law = LAWS[call.script]
    require(code in codes, f"{law}: {call.script} answered {code}", call, reply, sorted(codes))
    if code is not Code.OK and call.script != "take":
        require(not _happened(before, journal), f"{law}: refused, but something happened", call)
    if code is Code.OK and call.script in NONCE:
        _changed(before, journal, call, published)
    else:
        _done(before, journal, call, code, reply)


def _happened(before: Journal, journal: Journal) -> bool:
    sizes = [(len(one.log), one.change, len(one.document)) for one in (before, journal)]
    return sizes[0] != sizes[1]


def _changed(before: Journal, journal: Journal, call: Call, published: int) -> None:
    """A change was made, or was made before."""
    nonce = str(call.args[0])
    if nonce in before.calls:
        require(not published, f"{LAWS[call.script]}: a copy of {call.script} did it again", call)
        return
    journal.calls = [nonce, *before.calls][:REMEMBERED]
    if call.script == "send_now" and before.running and before.turn:
        journal.flagged.setdefault(before.turn.first, "1")
    elif call.script == "rename":
        journal.name = str(call.args[1])


def _done(before: Journal, journal: Journal, call: Call, code: Code, reply: list[Any]) -> None:
    wrote = len(journal.log) - len(before.log)
    match call.script, code:
        case "accept", Code.OK | Code.DUP:
            require(journal.ids[str(call.args[0])] == _id(reply[1]), "A: the turn id of another message", call, reply)
            if code is Code.OK:
                _accepted(before, journal, call)
        case "take", Code.OK:
            _taken(before, journal, call, reply)
        case "take", Code.EMPTY:
            require(not journal.waiting, "E: EMPTY, but a message waits", call)
        case "finish", Code.OK:
            require(wrote == 1 and _id(reply[1]) == journal.top, "A: finish did not write one outcome", call, reply)
            _finished(before, journal, call)
        case "checkpoint", Code.OK:
            _kept(journal, call)
        case "release", Code.OK:
            journal.running = None
            journal.attempt -= int(call.args[1] == 0)
        case "renew", Code.OK:
            assert journal.turn is not None
            flagged = journal.turn.first in journal.flagged
            require((reply[1] == b"1") == flagged, "A: renew does not tell of the cancel", call, reply)
        case "cancel", Code.RUNNING | Code.QUEUED:
            journal.flagged.setdefault(journal.ids[str(call.args[0])].first, "1")


def _accepted(before: Journal, journal: Journal, call: Call) -> None:
    """What a message does to those before it, and to the questions."""
    message = journal.question(journal.tail.first)
    replaces, policy = str(call.args[4]), str(call.args[6])
    first = before.first(replaces) if replaces else None
    require(message.replaces == first, "D: another version", call, message.replaces)
    answers = None if replaces else before.answerable(policy == "merge")
    require(message.answers == answers, "B: the answer to another question", call, message, answers)
    if policy in ("interrupt", "merge"):
        for entry in before.waiting:
            journal.flagged.setdefault(entry.id.first, f"m{message.id}" if policy == "merge" else "1")
    if replaces:
        journal.give_up()
    elif answers == journal.open:
        journal.open = None
    waiting = [entry.id.first for entry in journal.waiting if entry.id.first not in journal.flagged]
    rivals = [turn for turn in waiting if answers and journal.asking(turn) == answers]
    require(len(rivals) <= 1, "B: two answers to one question", call, rivals)


def _finished(before: Journal, journal: Journal, call: Call) -> None:
    journal.fin = int(call.args[1])
    if asked := call.args[6]:
        journal.give_up()
        journal.open = str(call.args[7])
        journal.asked[journal.open] = _bytes(asked)
    if len(journal.letters) > len(before.letters):
        journal.letters[-1] = journal.letters[-1]._replace(error=str(call.args[5]))


def _kept(journal: Journal, call: Call) -> None:
    epoch, number, data, seq = call.args
    step, mark = StreamId(int(epoch), int(number)), journal.progress.mark
    if journal.progress.step < step:
        if seq != "":
            mark = StreamId(int(epoch), int(seq))
        journal.progress = Progress(_bytes(data), step, mark)


def _taken(before: Journal, journal: Journal, call: Call, reply: list[Any]) -> None:
    nonce, _, continuing, _ = call.args[1:5]
    turn, epoch, attempt, message, partial, parts, kept, asked = reply[1:9]
    if len(journal.log) == len(before.log):
        require(before.running and before.nonce == nonce, "F: took without a start", call, reply)
    else:
        journal.nonce = str(nonce)
        again = before.turn == journal.turn
        stays = before.standing(f",{journal.bot}," in str(continuing)) if again else None
        shown = (stays.text, stays.parts) if stays else ("", ())
        said = journal.said
        assert said is not None
        stands = (said.text, joined(said.parts)) == (shown[0], joined(shown[1]))
        require(stands, "D: the attempt does not begin with what stays", said, shown)
        require(before.turn != journal.turn or before.progress == journal.progress, "D: take lost progress", call)
    head = journal.waiting[0]
    asking = journal.asking(head.id.first)
    require(kept == journal.progress.kept, "D: the bot finds what another one kept", kept, journal.progress)
    require(asked == (journal.asked[asking] if asking else b""), "D: the bot finds another question", asked, asking)
    answered = MessageAccepted(journal.question(head.id.first))
    started = journal.places[next(e.id for e in reversed(journal.log) if e.id == (journal.running, 0))].running
    assert started is not None
    require(
        (_id(turn), int(epoch), int(attempt), decode_event(message), partial.decode(), _parts.decode(parts or b"[]"))
        == (head.id, journal.running, journal.attempt, answered, started.text, list(started.parts)),
        "B: take answers something else than it did",
        reply,
        started,
    )


def _bytes(word: Word) -> bytes:
    assert isinstance(word, bytes)
    return word


def _id(raw: bytes) -> tuple[int, int]:
    first, second = raw.split(b"-")
    return int(first), int(second)
