#!lua
-- accept: takes a message into the session, once for each message id.
--
-- ARGV     4 message id, 5 text, 6 inbox limit, 7 turn limit, 8 id of the message that this one replaces, or '';
--          what is stored is the first version of that
-- returns  OK turn id | DUP turn id | GONE | BUSY | FULL | UNKNOWN (what it replaces) | BAD error
-- events   message.accepted
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
if redis.call('XLEN', inbox) >= tonumber(ARGV[6]) then return { 'BUSY' } end
local st = redis.call('HMGET', state, 'tail', 'rid')
local tail, rid = st[1], st[2]
local turn = (split(tail)) + 1
if turn > tonumber(ARGV[7]) then return { 'FULL' } end
local us = now()
local turnid = int(turn) .. '-' .. int(us)
local message = '{"id":' .. text(mid) .. ',"role":"user","msg":' .. text(ARGV[5]) .. ',"timestamp":"' .. iso(us)
  .. '","turn":' .. int(turn) .. (replaces ~= '' and ',"replaces":' .. text(replaces) or '') .. '}'
local added = redis.pcall('JSON.ARRAPPEND', doc, '$.messages', message)
if added.err then return { 'BAD', added.err } end
local frame = accepted(message)
redis.call('XADD', inbox, turnid, 'm', mid, 'f', frame)
redis.call('HSET', ids, mid, turnid)
redis.call('HSET', state, 'tail', turnid)
if not rid or #redis.call('XRANGE', ready, rid, rid) == 0 then enqueue() end
publish('a ' .. turnid .. ' ' .. tail, frame)
touch()
return { 'OK', turnid }
