#!lua flags=no-writes
-- resume: what came after a cursor, or, where that is not known exactly, everything.
--
-- ARGV     4 turn id and 5 log id of the cursor ('' for none: everything), 6 most log entries, 7 change id of the
--          cursor, 8 bytes of their frames after which no more log entries follow
-- returns  OK tail, top, rev, inbox entries after the cursor, log entries after the cursor
--          | SNAP tail, anchor, rev, messages as JSON [[message, ...]], log entries after the anchor,
--            name as JSON [name]
--          | GONE
-- events   none
--
-- The anchor is the log id before the newest attempt, also one that was released, or the newest id if the last thing in
-- the log is an outcome: the snapshot holds what was committed, and the entries after the anchor continue it.
local st = redis.call('HMGET', state, 'tail', 'done', 'epoch', 'turn', 'rev')
local tail, done, rev = st[1], st[2], st[5]
if missing(tail) then return 'GONE' end
local turnid, logid = ARGV[4], ARGV[5]

-- Log entries after an id. They are read in steps: 500 large ones are more than anybody wants to copy in vain.
local function following(id)
  local found, size = {}, 0
  while true do
    local some = redis.call('XRANGE', log, '(' .. id, '+', 'COUNT', math.min(100, tonumber(ARGV[6]) - #found))
    for _, e in ipairs(some) do
      found[#found + 1] = e
      id, size = e[1], size + #e[2][4]
      if size >= tonumber(ARGV[8]) or #found == tonumber(ARGV[6]) then return found end
    end
    if #some < 100 then return found end
  end
end

local function holds(stream, id) return id ~= '0-0' and #redis.call('XRANGE', stream, id, id) > 0 end

if turnid ~= '' then
  local log_exact = holds(log, logid) or logid == top() or (logid == '0-0' and done == '0-0')
  local turn_exact = turnid == tail or turnid == done or holds(inbox, turnid)
  if log_exact and turn_exact and ARGV[7] == rev then
    return { 'OK', tail, top(), rev, redis.call('XRANGE', inbox, '(' .. turnid, '+'), following(logid) }
  end
end
local anchor = top()
if st[4] then
  local before = redis.call('XREVRANGE', log, '(' .. st[3] .. '-0', '-', 'COUNT', 1)
  anchor = before[1] and before[1][1] or '0-0'
end
return { 'SNAP', tail, anchor, rev, redis.call('JSON.GET', doc, '$.messages'), following(anchor),
  redis.call('JSON.GET', doc, '$.name') }
