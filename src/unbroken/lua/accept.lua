#!lua
-- accept: takes a message into the session, once for each message id.
--
-- ARGV     4 message id, 5 text, 6 inbox limit, 7 turn limit, 8 id of the message that this one replaces, or '';
--          what is stored is the first version of that, 9 reply whose question it answers, or '' for the open one
--          if there is any, 10 policy: queue, interrupt, merge, reject, 11 control channel of the partition
-- returns  OK turn id | DUP turn id | GONE | BUSY | FULL | UNKNOWN (what it replaces)
--          | LATE (that question is not open) | BAD error
-- events   message.accepted; on the control channel: <session id> <epoch>
--
-- interrupt and merge stop every turn before this one. A message that changes the past answers no question; the open
-- one is given up.
if missing() then return { 'GONE' } end
local mid = ARGV[4]
local known = redis.call('HGET', ids, mid)
if known then
  redis.call('HSET', ids, mid, known) -- changes nothing, but a WAIT after it then covers the message
  return { 'DUP', known }
end
local replaces = ARGV[8] or ''
if replaces ~= '' then
  local version = redis.call('HGET', ids, replaces)
  if not version then return { 'UNKNOWN' } end
  local first = redis.call('JSON.GET', doc, path((split(version)), 'user') .. '.replaces')
  replaces = cjson.decode(first)[1] or replaces
end
local st = redis.call('HMGET', state, 'tail', 'rid', 'open', 'run', 'epoch')
local tail, rid, open = st[1], st[2], st[3]
if ARGV[9] ~= '' and ARGV[9] ~= open then return { 'LATE' } end
local answers = replaces == '' and open
local unfinished = redis.call('XLEN', inbox)
if unfinished >= tonumber(ARGV[6]) or (unfinished > 0 and ARGV[10] == 'reject') then return { 'BUSY' } end
local turn = (split(tail)) + 1
if turn > tonumber(ARGV[7]) then return { 'FULL' } end
local us = now()
local turnid = int(turn) .. '-' .. int(us)
local message = '{"id":' .. text(mid) .. ',"role":"user","msg":' .. text(ARGV[5]) .. ',"timestamp":"' .. iso(us)
  .. '","turn":' .. int(turn) .. (replaces ~= '' and ',"replaces":' .. text(replaces) or '')
  .. (answers and ',"answers":' .. text(answers) or '') .. '}'
local added = redis.pcall('JSON.ARRAPPEND', doc, '$.messages', message)
if added.err then return { 'BAD', added.err } end
if unfinished > 0 and (ARGV[10] == 'interrupt' or ARGV[10] == 'merge') then
  for _, entry in ipairs(redis.call('XRANGE', inbox, '-', '+')) do
    redis.call('HSETNX', state, 'c:' .. int((split(entry[1]))), ARGV[10] == 'merge' and 'm' .. mid or 1)
  end
  if st[4] then redis.call('SPUBLISH', ARGV[11], sid .. ' ' .. st[5]) end
end
if answers then
  redis.call('HDEL', state, 'open')
elseif open then
  redis.call('HDEL', state, 'open', 'asked')
end
local frame = accepted(message)
redis.call('XADD', inbox, turnid, 'm', mid, 'f', frame)
redis.call('HSET', ids, mid, turnid)
if rid and #redis.call('XRANGE', ready, rid, rid) > 0 then
  redis.call('HSET', state, 'tail', turnid)
else
  redis.call('HSET', state, 'tail', turnid, 'rid', redis.call('XADD', ready, '*', 's', sid))
end
publish('a ' .. turnid .. ' ' .. tail, frame)
touch(tail == '0-0')
return { 'OK', turnid }
