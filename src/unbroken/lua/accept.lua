#!lua
-- accept: takes a message into the session, once for each message id.
--
-- ARGV     4 message id, 5 text, 6 inbox limit, 7 turn limit, 8 id of the message that this one replaces, or '';
--          what is stored is the first version of that, 9 reply whose question it answers, '' for the open one if
--          there is any, '-' for none, 10 policy: queue, interrupt, merge, reject, 11 control channel of the partition
-- returns  OK turn id | DUP turn id | GONE | BUSY | FULL | UNKNOWN (what it replaces)
--          | LATE (that question is not open) | BAD error
-- events   message.accepted; on the control channel: <session id> <epoch>
--
-- interrupt and merge stop every turn before this one; with merge it also answers, in their place, what they answer. A
-- message that changes the past answers no question; the open one is given up.
local tail, rid, open = unpack(redis.call('HMGET', state, 'tail', 'rid', 'open'))
if missing(tail) then return 'GONE' end
local mid = ARGV[4]
local known = redis.call('HGET', ids, mid)
if known then
  redis.call('HSET', ids, mid, known) -- changes nothing, but a WAIT after it then covers the message
  return 'DUP ' .. known
end
local replaces = ARGV[8] or ''
if replaces ~= '' then
  local version = redis.call('HGET', ids, replaces)
  if not version then return 'UNKNOWN' end
  local found = redis.call('JSON.GET', doc, path(first(version), 'user') .. '.replaces')
  replaces = cjson.decode(found)[1] or replaces
end
local answers = open
local policy, stopped = ARGV[10], {}
local unfinished = rid and redis.call('XLEN', inbox) or 0 -- no ready entry: no work
if policy == 'interrupt' or policy == 'merge' then
  for _, entry in ipairs(redis.call('XREVRANGE', inbox, '+', '-')) do
    local flag = 'c:' .. first(entry[1])
    if redis.call('HEXISTS', state, flag) == 0 then
      stopped[#stopped + 1] = flag
      local _, waits = current(entry)
      answers = answers or policy == 'merge' and answered(waits)
    end
  end
end
if replaces ~= '' or ARGV[9] == '-' then
  answers = nil
elseif ARGV[9] ~= '' and ARGV[9] ~= answers then
  return 'LATE'
end
if unfinished >= tonumber(ARGV[6]) or (unfinished > 0 and policy == 'reject') then return 'BUSY' end
local turn = first(tail) + 1
if turn > tonumber(ARGV[7]) then return 'FULL' end
local us = now()
local turnid = turn .. '-' .. int(us)
local message = '{"id":' .. text(mid) .. ',"role":"user","msg":' .. text(ARGV[5]) .. ',"timestamp":"' .. iso(us)
  .. '","turn":' .. turn .. (replaces ~= '' and ',"replaces":' .. text(replaces) or '')
  .. (answers and ',"answers":' .. text(answers) or '') .. '}'
local added = redis.pcall('JSON.ARRAPPEND', doc, '.messages', message) -- how many there are, or an error
if type(added) == 'table' then return { 'BAD', added.err } end
for _, flag in ipairs(stopped) do redis.call('HSET', state, flag, policy == 'merge' and 'm' .. mid or 1) end
if stopped[1] and redis.call('HEXISTS', state, 'run') == 1 then
  redis.call('SPUBLISH', ARGV[11], sid .. ' ' .. redis.call('HGET', state, 'epoch'))
end
if answers then
  redis.call('HDEL', state, 'open')
elseif open and replaces ~= '' then
  redis.call('HDEL', state, 'open', 'asked:' .. open)
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
return 'OK ' .. turnid
