"""Rules taken out of the scripts, one by one."""

from __future__ import annotations

from tests.model.lua import Damage
from tests.model.mutant import Mutant
from tests.model.schedule import Mode

_OUT_OF_ORDER = """
  for _, entry in ipairs(redis.call('XRANGE', inbox, '-', '+')) do
    if redis.call('HEXISTS', state, 'c:' .. first(entry[1])) == 1 then
      head = entry
      break
    end
  end
"""
_NEXT_EPOCH = "return int(math.max(us, math.max(last or 0, first(newest)) + 1 + us % 1000))"


def _lua(law: str, script: str, text: str, instead: str = "", modes: tuple[Mode, ...] = tuple(Mode)) -> Mutant:
    where = "common" if script == "*" else script
    return Mutant(law, f"lua/{where}.lua", (Damage(script, text, instead),), modes=modes)


FAILOVER = (Mode.FAILOVER,)

LUA_MUTANTS = {
    # A worker that was replaced
    "finish has no fence": _lua(
        "F: finish answered (OK|BAD)", "finish", "if not run or newest ~= epoch then", "if not turnid then"
    ),
    "finish lets anybody commit what is handed back": _lua(
        "F: (an outcome of nobody's attempt|finish answered)", "finish", "if not run or", "if not turnid or"
    ),
    "renew has no fence": _lua(
        "F: renew answered OK", "renew", "or st[2] ~= ARGV[4] then return 'LOST'", "then return 'LOST'"
    ),
    "release has no fence": _lua(
        "F: release answered OK", "release", "or st[2] ~= ARGV[4] then return 'LOST'", "then return 'LOST'"
    ),
    "nothing is said behind an outcome": _lua(
        "C: ",
        "take",
        "local turnid, before, prev = head[1], epoch, top(ended)",
        "local turnid, before, prev = head[1], epoch, ended or top()",
    ),
    "a second attempt fences nobody": _lua(
        "[CA]: (the log|a script failed)",
        "take",
        "redis.call('XADD', log, id, 'k', 's',",
        "local _ = attempt == 1 and redis.call('XADD', log, id, 'k', 's',",
    ),
    "epochs are only counted": _lua(
        "[DF]:", "*", _NEXT_EPOCH, "return int(math.max(last or 0, first(newest)) + 1)", FAILOVER
    ),
    "epochs are only the time": _lua("(F: not a new epoch|A: a script failed)", "*", _NEXT_EPOCH, "return int(us)"),
    # Calls that are sent twice, or arrive late
    "create is not idempotent": _lua(
        "A: create (is not idempotent|answered EXISTS)",
        "create",
        "if made and made['$.token_digest'][1] == ARGV[5] then",
        "if false then",
    ),
    "accept is not idempotent": _lua("A: a message was accepted twice", "accept", "if known then", "if false then"),
    "take is not idempotent": _lua(
        "(E: take is not idempotent|A: not the next attempt)", "take", "if run == nonce then", "if false then"
    ),
    "finish does not know its own outcome": _lua(
        "F: finish", "finish", "if redis.call('HGET', state, 'fin') == epoch then return 'ALREADY' end"
    ),
    "release stays running": _lua(
        "F: (release (answered OK|is not idempotent)|the state)", "release", "redis.call('HDEL', state, 'run')"
    ),
    "a late copy of a change is another change": _lua(
        "[BD]: (a copy of|\\w+ answered LATE|send_now)",
        "*",
        "return string.find(redis.call('HGET', state, 'calls') or '', nonce, 1, true)",
        "return false",
    ),
    "withdraw is not idempotent": _lua(
        "B: withdraw (answered LATE|is not)", "withdraw", "done and 'OK' or code", "code"
    ),
    # One ready entry, if and only if there is work
    "accept always enqueues": _lua(
        "E: two ready entries",
        "accept",
        "if rid and #redis.call('XRANGE', ready, rid, rid) > 0 then",
        "if false then",
    ),
    "finish does not enqueue again": _lua(
        "E: work, but no ready entry",
        "finish",
        "if not idle then enqueue() end",
    ),
    "take believes any ready entry": _lua("[AEF]:", "take", "if entry ~= rid then", "if false then"),
    "a dead worker's entry goes with it": _lua(
        "E: a ready entry that nobody will find", "forget", "consumer.pending == 0 and ", ""
    ),
    "an entry is dropped without acknowledgement": _lua(
        "G: a ready entry is pending and gone", "*", "redis.pcall('XACK', ready, 'workers', rid)"
    ),
    # Attempts and cancels
    "release always counts": _lua(
        "A: (not the next attempt|the state)", "release", "if ARGV[5] ~= '1' then", "if false then"
    ),
    "attempts are not counted": _lua(
        "A: not the next attempt", "take", "again and attempt + 1", "again and math.max(attempt, 1)"
    ),
    "cancel notes nothing": _lua(
        "A: (the state|renew does not tell)", "cancel", "redis.call('HSETNX', state, 'c:' .. first(turnid), 1)"
    ),
    "cancel comes after the outcome": _lua(
        "A: cancel answered", "cancel", "if split(turnid) <= split(st[1]) then return 'DONE' end"
    ),
    "cancelled messages overtake the others": _lua(
        "B: not the next message in order",
        "take",
        "local head = redis.call('XRANGE', inbox, '-', '+', 'COUNT', 1)[1]\n",
        "local head = redis.call('XRANGE', inbox, '-', '+', 'COUNT', 1)[1]\n" + _OUT_OF_ORDER,
    ),
    "take passes over no cancel": _lua(
        "B: a cancelled turn was started",
        "take",
        "  if stop then",
        "  if false then",
    ),
    "a cancelled reply is committed as failed": _lua(
        "A: failed before its attempts were used",
        "take",
        "status, reason = 'cancelled', ''",
        "status, reason = 'failed', ''",
    ),
    "a cancel outlives its turn": _lua("A: the state", "*", "'mark', 'c:' .. turn,", "'mark',"),
    "no dead letters": _lua("A: dead letters", "*", "if status == 'failed' then", "if false then"),
    # Changes
    "what runs can be edited": _lua(
        "B: (edit answered|edited too late)", "edit", "redis.call('HGET', state, 'turn') == turnid", "false"
    ),
    "messages are moved without their ids": _lua(
        "[AB]:", "send_now", "redis.call('HSET', ids, messages[i].id, turnid)"
    ),
    "send_now moves what was stopped": _lua(
        "B: the order changed in another way",
        "send_now",
        "and redis.call('HEXISTS', state, 'c:' .. first(entry[1])) == 0 then",
        "then",
    ),
    "a version names any other version": _lua(
        "D: another version", "accept", "replaces = cjson.decode(found)[1] or replaces", "local _ = found"
    ),
    "a change outlives its turn": _lua("B: a changed message", "*", "'x:' .. turn, 'to', ", "'to', "),
    # What a bot keeps
    "checkpoint has no fence": _lua(
        "F: checkpoint answered (OK|BEHIND)",
        "checkpoint",
        "or st[2] ~= ARGV[4] then return 'LOST'",
        "then return 'LOST'",
    ),
    "a checkpoint marks what the log lacks": _lua(
        "F: checkpoint answered OK",
        "checkpoint",
        "if #redis.call('XRANGE', log, mark, mark) == 0 then return 'BEHIND' end",
        modes=FAILOVER,
    ),
    "what a bot kept outlives its turn": _lua("A: the state", "*", "'kept', 'step', 'mark', ", ""),
    "the next turn finds what the last one kept": _lua(
        "D: the bot finds what another one kept",
        "take",
        "local saved = again and redis.call('HGET', state, 'kept')",
        "local saved = redis.call('HGET', state, 'kept') or redis.call('HGET', state, 'calls')",
    ),
    "the next attempt begins anew in spite of a mark": _lua(
        "D: the attempt does not begin with what stays",
        "take",
        "then return mark end",
        "then return before .. '-0' end",
    ),
    "a mark of an earlier attempt cuts this one": _lua(
        "D: the attempt does not begin with what stays",
        "take",
        "if mark and first(mark) == before then",
        "if mark then",
    ),
    "a bot without a name continues what another began": _lua(
        "D: the attempt does not begin with what stays", "take", "',' .. bot .. ','", "','"
    ),
    "an attempt begins without its parts": _lua(
        "(D: the attempt does not begin|D: the outcome has not the parts|B: take answers something else)",
        "take",
        "parts[#parts + 1] = string.match(frame, ',\"parts\":%[(.*)%]}$')",
    ),
    # Questions
    "a question can be answered twice": _lua(
        "(A: the state|[AB]: accept answered OK|B: two answers)",
        "accept",
        "  redis.call('HDEL', state, 'open')\nelseif",
        "elseif",
    ),
    "an answer names any question": _lua(
        "A: accept answered OK", "accept", "elseif ARGV[9] ~= '' and ARGV[9] ~= answers then", "elseif false then"
    ),
    "a change of the past leaves the question open": _lua(
        "A: the state", "accept", "elseif open and replaces ~= '' then", "elseif false then"
    ),
    "a change of the past answers": _lua(
        "(B: the answer to another question|A: (the state|accept answered LATE))",
        "accept",
        "if replaces ~= '' or ARGV[9] == '-' then",
        "if ARGV[9] == '-' then",
    ),
    "an answer that was taken back closes the question": _lua(
        "A: the state", "withdraw", "if asked and redis.call('HSETNX', state, 'open', asked) == 0 then", "if asked then"
    ),
    "a question is forgotten before the reply to its answer is done": _lua(
        "(A: the state|D: the bot finds another question)",
        "take",
        "if asking then redis.call('HSET', state, 'to', asking) end",
        "if asking then redis.call('HSET', state, 'to', asking) redis.call('HDEL', state, 'asked:' .. asking) end",
    ),
    "a question outlives the reply to its answer": _lua(
        "A: the state", "*", "if asking and not into then", "if false then"
    ),
    "what was merged settles the question": _lua(
        "(A: the state|D: the bot finds another question)", "*", "if asking and not into then", "if asking then"
    ),
    "a bot that goes on is told the newest only": _lua(
        "D: the bot (is told (too little|another)|finds something else)",
        "take",
        "  if asked ~= '' then",
        "  if false then",
    ),
    # What workers remember
    "a worker is believed about what was changed since": _lua(
        "(D: the bot is told|E: take is not idempotent)",
        "take",
        "fin .. ' ' .. rev",
        "fin .. (string.match(ARGV[9], ' .*') or '')",
    ),
    "a worker is believed about what another one committed": _lua(
        "(D: the bot is told|E: take is not idempotent)",
        "take",
        "ARGV[9] == fin .. ' ' .. rev",
        "string.match(ARGV[9], ' (.*)') == rev",
    ),
    "what take commits is nothing new": _lua(
        "(D: the bot is told|E: take is not idempotent)",
        "take",
        "tried, known, ended = nil, false, id",
        "tried, ended = nil, id",
    ),
    "a change of the past is told with what it replaces": _lua(
        "D: the bot is told", "take", " and not string.find(frame, '\"replaces\":', 1, true)"
    ),
    "a worker that remembers is not told what was asked": _lua(
        "D: the bot finds another question", "take", "if known and asked == '' and", "if known and"
    ),
    # Policies
    "merge does not answer what it stopped": _lua(
        "(B: the answer to another question|[AB]: accept answered)",
        "accept",
        "policy == 'merge' and answered(waits)",
        "false",
    ),
    "interrupt leaves what waits": _lua(
        "(A: the state|B:)", "accept", "stopped[#stopped + 1] = flag", "stopped[1] = flag"
    ),
    "merge says not into what": _lua(
        "D: an outcome gave way to another", "*", "if into then outcome =", "if false then outcome ="
    ),
    "a cancel undoes a merge": _lua("A: the state", "cancel", "'HSETNX'", "'HSET'"),
    "reject waits": _lua("A: accept answered (OK|FULL)", "accept", " or (unfinished > 0 and policy == 'reject')", ""),
    # Readers
    "resume ignores changes": _lua("D:", "resume", "turn_exact and ARGV[7] == rev", "turn_exact"),
    "resume without exactness": _lua("D:", "resume", "if log_exact and turn_exact and ARGV[7] == rev then", "do"),
    "resume takes any turn": _lua("D:", "resume", "log_exact and turn_exact and", "log_exact and"),
    "resume takes the start for exact": _lua("D:", "resume", "(logid == '0-0' and done == '0-0')", "logid == '0-0'"),
    "snapshot without the running reply": _lua("D:", "resume", "if st[4] then", "if false then"),
    "snapshot without a released reply": _lua("D:", "resume", "'epoch', 'turn',", "'epoch', 'run',"),
    "turn ids are only counted": _lua("D:", "accept", "'-' .. int(us)", "'-0'", FAILOVER),
    # Memory
    "a key outlives the others": _lua(
        "G: the keys of a session", "*", "for i = 1, 5 do redis.call('PEXPIRE'", "for i = 1, 4 do redis.call('PEXPIRE'"
    ),
    "the log is never trimmed": _lua("C: the log", "*", "'XADD', log, 'MINID', '=', id, id,", "'XADD', log, id,"),
    "finish needs memory": _lua("A: a script failed", "finish", "#!lua flags=allow-oom", "#!lua"),
    "accept remembers what it then refuses": _lua(
        "(A: (forgot a message id|accept)|G: the keys)",
        "accept",
        "local added = redis.pcall(",
        "redis.call('HSET', ids, mid, turnid)\nlocal added = redis.pcall(",
    ),
}
