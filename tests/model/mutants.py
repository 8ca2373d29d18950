"""Rules taken out one by one, to prove that the schedules notice, and by the right law."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.model.lua import Damage
from tests.model.schedule import Mode
from tests.model.workers import Attempt
from unbroken.cursor import StreamId
from unbroken.keys import SessionKeys
from unbroken.log import Entry, Kind, append_commands
from unbroken.protocol import ReplyDelta, encode
from unbroken.server.reader import Reader, Verdict


class Mutant(NamedTuple):
    """One damage.

    Attributes:
        law: pattern of the law that has to notice.
        damages: in the scripts.
        patch: in the Python around them.
        modes: where it can show.
    """

    law: str
    damages: tuple[Damage, ...] = ()
    patch: Callable[[pytest.MonkeyPatch], None] | None = None
    modes: tuple[Mode, ...] = tuple(Mode)


def _lua(law: str, script: str, text: str, instead: str = "", modes: tuple[Mode, ...] = tuple(Mode)) -> Mutant:
    return Mutant(law, (Damage(script, text, instead),), modes=modes)


class _HastyReader(Reader):
    """Takes whatever is newer for the next."""

    def _logged(self, entry: Entry) -> Verdict:
        return Verdict.DROP if entry.id <= self._log else Verdict.APPLY


class _LooseReader(Reader):
    """Takes any start for the next, whatever was before it."""

    def _logged(self, entry: Entry) -> Verdict:
        verdict = super()._logged(entry)
        return Verdict.APPLY if verdict is Verdict.GAP and entry.kind is Kind.STARTED else verdict


class _CarelessReader(Reader):
    """Takes any newer change for the next, whatever it changes."""

    def _changed(self, entry: Entry) -> Verdict:
        return Verdict.APPLY if entry.id > self._change else Verdict.DROP


class _DeafReader(Reader):
    """Takes any accepted message with a larger number for the next."""

    def _accepted(self, entry: Entry) -> Verdict:
        return Verdict.APPLY if entry.id.first > self._turn.first else Verdict.DROP


def _append_always(keys: SessionKeys, id_: StreamId, kind: Kind, frame: bytes) -> tuple[tuple[str | bytes, ...], ...]:
    """Makes a log where there is none."""
    write, show = append_commands(keys, id_, kind, frame)
    return tuple(word for word in write if word != "NOMKSTREAM"), show


_look = Attempt._look


def _look_and_say_more(attempt: Attempt) -> bool:
    """Puts what was said meanwhile into a chunk that was sent before."""
    if attempt._written and attempt._written[-1].kind is Kind.DELTA:
        more = encode(ReplyDelta(attempt.claim.turn.first, attempt._text[-20:] + " and more"))
        attempt._written[-1] = attempt._written[-1]._replace(frame=more)
    return _look(attempt)


def _read_with(reader: type[Reader]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr("unbroken.server.viewer.Reader", reader)


FAILOVER = (Mode.FAILOVER,)

MUTANTS = {
    # A worker that was replaced
    "finish has no fence": _lua(
        "finish answered OK", "finish", "if not st[1] or st[2] ~= epoch then", "if not st[3] then"
    ),
    "renew has no fence": _lua(
        "renew answered OK", "renew", "or st[2] ~= ARGV[4] then return { 'LOST' }", "then return { 'LOST' }"
    ),
    "release has no fence": _lua(
        "release answered OK", "release", "or st[2] ~= ARGV[4] then return { 'LOST' }", "then return { 'LOST' }"
    ),
    "no started entry on retake": _lua(
        "C: the log|script error",
        "take",
        "redis.call('XADD', log, id, 'k', 's',",
        "local _ = attempt == 1 and redis.call('XADD', log, id, 'k', 's',",
    ),
    "epoch without time": _lua(
        "[DF]:",
        "*",
        "return int(math.max(us, math.max(tonumber(last or '0'), (split(top()))) + 1 + us % 1000))",
        "return int(math.max(tonumber(last or '0'), (split(top()))) + 1)",
        FAILOVER,
    ),
    "chunks make a log": Mutant(
        "a chunk made a log",
        patch=lambda patch: patch.setattr("tests.model.world.append_commands", _append_always),
        modes=(Mode.EXPIRE,),
    ),
    "chunks change when they are sent again": Mutant(
        "D:", patch=lambda patch: patch.setattr(Attempt, "_look", _look_and_say_more)
    ),
    # Calls that are sent twice
    "create is not idempotent": _lua(
        "create is not idempotent|create answered EXISTS",
        "create",
        "if made and made['$.token_digest'][1] == ARGV[5] then",
        "if false then",
    ),
    "accept is not idempotent": _lua("A: a message was accepted twice", "accept", "if known then", "if false then"),
    "take is not idempotent": _lua(
        "take is not idempotent|not the next attempt", "take", "if st[2] == nonce then", "if false then"
    ),
    "release stays running": _lua(
        "release (answered OK|is not idempotent)|the state", "release", "redis.call('HDEL', state, 'run')"
    ),
    # One ready entry, if and only if there is work
    "accept always enqueues": _lua(
        "E: two ready entries",
        "accept",
        "if not rid or #redis.call('XRANGE', ready, rid, rid) == 0 then enqueue() end",
        "enqueue()",
    ),
    "finish does not enqueue again": _lua(
        "E: work, but no ready entry",
        "finish",
        "if redis.call('XLEN', inbox) > 0 then enqueue() else redis.call('HDEL', state, 'rid') end",
        "redis.call('HDEL', state, 'rid')",
    ),
    "take believes any ready entry": _lua(".", "take", "if st[1] ~= rid then", "if false then"),
    # Attempts and cancels
    "release always counts": _lua(
        "not the next attempt|the state", "release", "if ARGV[5] ~= '1' then", "if false then"
    ),
    "attempts are not counted": _lua(
        "not the next attempt", "take", "attempt = attempt + 1", "attempt = math.max(attempt, 1)"
    ),
    "cancel notes nothing": _lua(
        "the state|renew does not tell|a cancelled turn", "cancel", "redis.call('HSET', state, 'c:' .. int(turn), 1)"
    ),
    "take passes over no cancel": _lua(
        "a cancelled turn was started",
        "take",
        "if redis.call('HEXISTS', state, 'c:' .. int(turn)) == 1 then",
        "if false then",
    ),
    "no dead letters": _lua("dead letters", "*", "if status == 'failed' then", "if false then"),
    # Changes
    "what runs can be edited": _lua(
        "edit answered OK|B: edited too late", "edit", "redis.call('HGET', state, 'turn') == turnid", "false"
    ),
    "messages are moved without their ids": _lua(
        "C6: forgot|no|B:|not the message", "send_now", "redis.call('HSET', ids, messages[i].id, turnid)"
    ),
    "withdraw is not idempotent": _lua("withdraw answered LATE", "withdraw", "done and 'OK' or code", "code"),
    "a change outlives its turn": _lua("a changed message", "*", ", 'x:' .. int(turn))\n", ")\n"),
    "resume ignores changes": _lua("D:", "resume", "turn_exact and ARGV[7] == rev", "turn_exact"),
    "reader takes any change": Mutant("D:", patch=_read_with(_CarelessReader)),
    # Readers
    "resume without exactness": _lua("D:", "resume", "if log_exact and turn_exact and ARGV[7] == rev then", "do"),
    "resume takes any turn": _lua("D:", "resume", "log_exact and turn_exact and", "log_exact and"),
    "resume takes the start for exact": _lua("D:", "resume", "(logid == '0-0' and done == '0-0')", "logid == '0-0'"),
    "snapshot without the running reply": _lua("D:", "resume", "if st[4] then", "if false then"),
    "snapshot without a released reply": _lua("D:", "resume", "'epoch', 'turn',", "'epoch', 'run',"),
    "turn id without time": _lua("D:", "accept", "'-' .. int(us)", "'-0'", FAILOVER),
    "reader sees no gap": Mutant("D:", patch=_read_with(_HastyReader)),
    "reader takes any start": Mutant("D:", patch=_read_with(_LooseReader)),
    "reader takes any message": Mutant("D:", patch=_read_with(_DeafReader)),
    # Memory
    "a key outlives the others": _lua(
        "the keys of a session", "*", "for i = 1, 5 do redis.call('PEXPIRE'", "for i = 1, 4 do redis.call('PEXPIRE'"
    ),
    "the log is never trimmed": _lua("C: the log", "*", "redis.call('XTRIM', log, 'MINID', id)"),
}
