#!lua flags=allow-oom
-- withdraw: takes a waiting message out of view. Its outcome, cancelled, is committed at its place in the order.
--
-- ARGV     4 message id
-- returns  OK | LATE (its reply began, or it was stopped) | UNKNOWN | GONE
-- events   message.withdrawn; later reply.cancelled
--
-- Sent twice it answers OK twice. A question that the message answers is open again, unless there is a newer one.
if missing() then return 'GONE' end
local entry, code = waiting(ARGV[4])
if not entry then
  local turnid = redis.call('HGET', ids, ARGV[4])
  local done = turnid and redis.call('JSON.GET', doc, path(first(turnid), 'user') .. '.withdrawn') == '[true]'
  return done and 'OK' or code
end
local turn = first(entry[1])
local _, frame = current(entry)
local message, asked = cjson.decode(frame).message, answered(frame)
message.withdrawn = true
local json = cjson.encode(message)
redis.call('JSON.SET', doc, path(turn, 'user'), json)
redis.call('HSET', state, 'c:' .. turn, 1, 'x:' .. turn, accepted(json))
if asked and redis.call('HSETNX', state, 'open', asked) == 0 then redis.call('HDEL', state, 'asked:' .. asked) end
change('{"type":"message.withdrawn","message_id":' .. text(ARGV[4]) .. ',"turn":' .. turn .. '}')
touch()
return 'OK'
