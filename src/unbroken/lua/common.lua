-- common.lua: what the scripts of a session share. Between the shebang and the body of each is put what comes before
-- the first function, and of the functions those that it needs: to make one costs something in every call.
--
-- KEYS  1 doc    JSON document {id, name, session_start, digest, messages}
--       2 state  hash: tail  last accepted turn id       turn   turn id of the current attempt
--                      done  last committed turn id      att    its attempt, 1, 2 ...
--                      fin   epoch of the last commit    epoch  last epoch given out
--                      rid   this session's ready entry  run    nonce of the take; only while running
--                      end   log id of the last commit
--                      mid   message id of that turn, to  the reply whose question it answers, if any
--                      c:<turn>  this turn is to be stopped: 1, or m<id> of the message that is answered with it
--                      kept  what the bot of the current attempt keeps, step  <epoch>-<n> of that
--                      mark  log id up to which its next attempt leaves what was said
--                      open  the reply whose question nobody answers yet
--                      asked:<reply id>  what the bot kept that asked there, until the reply to the answer is committed
--                      x:<turn>  frame of a waiting message that was changed
--                      rev   last change of what was accepted or committed before, <n>-<us>
--                      calls nonces of the newest changes
--       3 ids    hash: client message id -> turn id
--       4 inbox  stream: <turn>-<us> -> m message id, f frame of message.accepted
--       5 log    stream: <epoch>-<seq> -> k kind (s start, d delta, p part, e end), f frame
--                      and, for s and e, p the log id before it, t the turn id; for s, v the newest rev
--       6 ready  stream with group 'workers': s session id
--       7 dead   stream: s session id, m message id, t turn id, a attempts, e error
-- ARGV  1 session id, 2 time to live in ms (0 = keep), 3 channel of the session's events
--
-- A script answers with its words in one string, which costs Redis less than a list; with a list if one of them may be
-- any text, or is a list itself.
--
-- A published event is one header line, then the frame:
--   a <turn id> <turn id before>\n...      d|p <log id>\n...      e <log id> <log id before> <turn id>\n...
--   s <log id> <log id before> <turn id> <rev>\n... (a reply begins: to a message as the newest change left it)
--   c <rev> <rev before> <turn id> <log id>\n... (a change, and the newest ids at its time)
--   x 0-0\n... (the session is gone)

local doc, state, ids, inbox, log, ready, dead = unpack(KEYS) -- luacheck: ignore 211
local sid, ttl, channel = ARGV[1], tonumber(ARGV[2]), ARGV[3] -- luacheck: ignore 211

-- Milliseconds that the session still has, like each of its keys: -1 for one that is kept, -2 if there is none.
local left = redis.call('PTTL', doc)

local function int(n) return string.format('%.0f', n) end

local function text(s) return (cjson.encode(s)) end

-- Microseconds since 1970; they stand still while a script runs.
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end

-- Microseconds since 1970 as ISO 8601, by the civil calendar of days (Howard Hinnant's algorithm).
local function iso(us)
  local floor, day = math.floor, us % 86400000000
  local z = (us - day) / 86400000000 + 719468
  local doe = z % 146097
  local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))
  local mp = floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + (z - doe) / 146097 * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, doy - floor((153 * mp + 2) / 5) + 1,
    day / 3600000000, day / 60000000 % 60, day / 1000000 % 60, day / 1000 % 1000) -- which cuts off fractions
end

local function split(id)
  local a, b = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(a), tonumber(b)
end

-- The number before the '-' of an id, as text.
local function first(id) return string.match(id, '^%d+') end

-- `field` is any of the state's that was read anyway: if it is there, so is the state.
local function missing(field) return left == -2 or not (field or redis.call('HGET', state, 'tail')) end

-- The newest log id, '0-0' for an empty log. `last` is one that was the newest before, if the script knows any: while
-- nothing is behind it, no entry is read, which may be large.
local function top(last)
  if last and #redis.call('XRANGE', log, '(' .. last, '+', 'COUNT', 1) == 0 then return last end
  local e = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)
  return e[1] and e[1][1] or '0-0'
end

-- Larger than every epoch before it, and at least Redis' time: after a failover that lost writes, new ids differ
-- from the lost ones. A clock that was set back does not say how far to go; then its last digits are as good as dice.
local function next_epoch(last, newest)
  local us = now()
  return int(math.max(us, math.max(last or 0, first(newest)) + 1 + us % 1000))
end

-- Renews the time to live of all keys, which have the same: unless it is as good as new, and no key has just been made.
local function touch(made)
  if ttl > 0 then
    if not made and left <= ttl and left > ttl * 0.99 then return end
    for i = 1, 5 do redis.call('PEXPIRE', KEYS[i], ttl) end
  elseif left > 0 then
    for i = 1, 5 do redis.call('PERSIST', KEYS[i]) end
  end
end

-- Acknowledges and deletes this session's ready entry.
local function dequeue(rid)
  redis.pcall('XACK', ready, 'workers', rid)
  redis.call('XDEL', ready, rid)
end

-- The same with an entry that may be another's.
local function drop(rid)
  local e = redis.call('XRANGE', ready, rid, rid)
  if e[1] and e[1][2][2] == sid then dequeue(rid) end
end

local function enqueue()
  local rid = redis.call('XADD', ready, '*', 's', sid)
  redis.call('HSET', state, 'rid', rid)
end

local function publish(header, frame) redis.call('SPUBLISH', channel, header .. '\n' .. frame) end

-- Where a message of a turn is in the document, however long that is. Before the user's are turn - 1 others and at most
-- as many replies, before the reply are turn - 1 others and at least turn messages of users. What is between there and
-- the place waited at the time, so it is never more than an inbox.
local function path(turn, role)
  local step = role == 'user' and -1 or 1
  local index = 2 * turn - (role == 'user' and 2 or 1)
  while index >= 0 do
    local place = '$.messages[' .. int(index) .. ']'
    local found = redis.call('JSON.GET', doc, place .. '.turn')
    if found == '[' .. int(turn) .. ']' then return place end
    if step > 0 and found == '[]' then break end
    index = index + step
  end
  error('the document lacks the ' .. role .. "'s message of turn " .. int(turn))
end

local function accepted(message) return '{"type":"message.accepted","message":' .. message .. '}' end

-- A waiting message as it is now, its id and its frame: an edit, or a change of the order, may have replaced what the
-- inbox has by another frame, which some have read already.
local function current(entry, frame)
  if frame == nil then frame = redis.call('HGET', state, 'x:' .. first(entry[1])) end
  if frame then return cjson.decode(frame).message.id, frame end
  return entry[2][2], entry[2][4]
end

local function content(entry)
  local _, frame = current(entry)
  return cjson.decode(frame).message
end

-- The inbox entry of a message whose reply did not begin and which nobody stopped; else nil and why.
local function waiting(mid)
  local turnid = redis.call('HGET', ids, mid)
  if not turnid then return nil, 'UNKNOWN' end
  local entry = redis.call('XRANGE', inbox, turnid, turnid)[1]
  if not entry or redis.call('HGET', state, 'turn') == turnid
    or redis.call('HEXISTS', state, 'c:' .. first(turnid)) == 1 then return nil, 'LATE' end
  return entry
end

-- The reply whose question a message answers, as long as that waits for it; else nil.
local function answered(frame)
  if not string.find(frame, '"answers":', 1, true) then return nil end -- most: spares the decoding
  local message = cjson.decode(frame).message
  local asked = message.answers
  return asked and not message.withdrawn and redis.call('HEXISTS', state, 'asked:' .. asked) == 1 and asked or nil
end

-- Makes a change of what was accepted or committed before known: the third sequence of a session. A reader whose
-- cursor is older than the newest change gets a snapshot.
local function change(frame)
  local before = redis.call('HGET', state, 'rev')
  local rev = int((split(before)) + 1) .. '-' .. int(now())
  redis.call('HSET', state, 'rev', rev)
  publish('c ' .. rev .. ' ' .. before .. ' ' .. redis.call('HGET', state, 'tail') .. ' ' .. top(), frame)
end

-- A change undoes the one before it. So a copy of its call that arrives late, behind a newer change, must do nothing:
-- the nonces of the newest changes, 16 characters each, tell.
local function repeated(nonce) return string.find(redis.call('HGET', state, 'calls') or '', nonce, 1, true) end

local function remember(nonce)
  redis.call('HSET', state, 'calls', string.sub(nonce .. ' ' .. (redis.call('HGET', state, 'calls') or ''), 1, 16 * 17))
end

-- Commits the outcome of a turn. `outcome` is the JSON members msg, status, error, parts of the reply; of one that gave
-- way to a reply for several messages it is said whose that is; else it is done with the question that its message
-- answers, if `asking` says that. With `idle` the session has no more work then.
-- Returns nil and when, or the error of the JSON module, which refuses before anything was written.
local function commit(turnid, mid, id, prev, status, outcome, reason, asking, idle)
  local turn, epoch = first(turnid), first(id)
  local into = status == 'cancelled' and string.match(redis.call('HGET', state, 'c:' .. turn) or '', '^m(.*)$')
  if into then outcome = outcome .. ',"merged_into":' .. text(into) end
  local time = iso(now())
  local message = '{"id":' .. text(mid .. '.reply') .. ',"role":"assistant","reply_to":' .. text(mid) .. ',"turn":'
    .. turn .. ',"timestamp":"' .. time .. '",' .. outcome .. '}'
  local added = redis.pcall('JSON.ARRAPPEND', doc, '.messages', message) -- how many there are, or an error
  if type(added) == 'table' then return added.err end
  local frame = '{"type":"reply.' .. status .. '","message":' .. message .. '}'
  redis.call('XADD', log, 'MINID', '=', id, id, 'k', 'e', 'f', frame, 'p', prev, 't', turnid)
  redis.call('XDEL', inbox, turnid)
  if status == 'failed' then
    redis.call('XADD', dead, 'MAXLEN', '~', 1000, '*', 's', sid, 'm', mid, 't', turnid,
      'a', redis.call('HGET', state, 'att') or 0, 'e', reason)
  end
  redis.call('HSET', state, 'done', turnid, 'fin', epoch, 'epoch', epoch, 'end', id)
  redis.call('HDEL', state, 'run', 'turn', 'att', 'mid', 'kept', 'step', 'mark', 'c:' .. turn,
    'x:' .. turn, 'to', idle and 'rid' or 'run')
  if asking and not into then redis.call('HDEL', state, 'asked:' .. asking) end
  publish('e ' .. id .. ' ' .. prev .. ' ' .. turnid, frame)
  return nil, time
end
