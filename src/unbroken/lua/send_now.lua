#!lua flags=allow-oom
-- send_now: lets a waiting message be the next, and stops the running reply. Turns stay where they are: the messages
-- that were before it move one turn back, so outcomes are still committed in the order of turns.
--
-- ARGV     4 nonce of this change, 5 message id, 6 control channel of the partition
-- returns  OK | LATE (its reply began, or it was stopped) | UNKNOWN | GONE
-- events   queue.changed if the order changed; on the control channel: <session id> <epoch>
--
-- Sent twice it answers OK twice, and stops only the reply that ran the first time.
if missing() then return 'GONE' end
if repeated(ARGV[4]) then return 'OK' end
local target, code = waiting(ARGV[5])
if not target then return code end
local st = redis.call('HMGET', state, 'turn', 'run', 'epoch')
local places, messages = {}, {}
for _, entry in ipairs(redis.call('XRANGE', inbox, '-', target[1])) do
  if entry[1] ~= st[1] and redis.call('HEXISTS', state, 'c:' .. first(entry[1])) == 0 then
    places[#places + 1] = entry[1]
    messages[#messages + 1] = content(entry)
  end
end
if #places > 1 then
  table.insert(messages, 1, table.remove(messages))
  local changed = {}
  for i, turnid in ipairs(places) do
    local turn = split(turnid)
    messages[i].turn = turn
    changed[i] = cjson.encode(messages[i])
    redis.call('JSON.SET', doc, path(turn, 'user'), changed[i])
    redis.call('HSET', state, 'x:' .. first(turnid), accepted(changed[i]))
    redis.call('HSET', ids, messages[i].id, turnid)
  end
  change('{"type":"queue.changed","messages":[' .. table.concat(changed, ',') .. ']}')
end
if st[2] then
  redis.call('HSETNX', state, 'c:' .. first(st[1]), 1)
  redis.call('SPUBLISH', ARGV[6], sid .. ' ' .. st[3])
end
remember(ARGV[4])
touch()
return 'OK'
