#!lua flags=allow-oom
-- feedback: stores a reader's verdict with a committed reply.
--
-- ARGV     4 nonce of this change, 5 id of the message that was answered, 6 'up', 'down' or '' to take it back
-- returns  OK | LATE (not committed yet) | UNKNOWN | GONE
-- events   message.feedback
if missing() then return 'GONE' end
if repeated(ARGV[4]) then return 'OK' end
local turnid = redis.call('HGET', ids, ARGV[5])
if not turnid then return 'UNKNOWN' end
local turn = split(turnid)
if turn > split(redis.call('HGET', state, 'done')) then return 'LATE' end
local reply, value = path(turn, 'assistant'), ARGV[6]
redis.call('JSON.DEL', doc, reply .. '.feedback')
if value ~= '' then
  local raw = redis.call('JSON.GET', doc, reply)
  redis.call('JSON.SET', doc, reply, '{"feedback":' .. text(value) .. ',' .. string.sub(raw, 3, -2))
end
remember(ARGV[4])
change('{"type":"message.feedback","message_id":' .. text(ARGV[5] .. '.reply') .. ',"value":'
  .. (value == '' and 'null' or text(value)) .. '}')
touch()
return 'OK'
