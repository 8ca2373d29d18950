#!lua flags=allow-oom
-- withdraw: takes a waiting message out of view. Its outcome, cancelled, is committed at its place in the order.
--
-- ARGV     4 message id
-- returns  OK | LATE (its reply began, or it was stopped) | UNKNOWN | GONE
-- events   message.withdrawn; later reply.cancelled
--
-- Sent twice it answers OK twice.
if missing() then return { 'GONE' } end
local entry, code = waiting(ARGV[4])
if not entry then
  local turnid = redis.call('HGET', ids, ARGV[4])
  local done = turnid and redis.call('JSON.GET', doc, path((split(turnid)), 'user') .. '.withdrawn') == '[true]'
  return { done and 'OK' or code }
end
local turn = split(entry[1])
local message = content(entry)
message.withdrawn = true
local json = cjson.encode(message)
redis.call('JSON.SET', doc, path(turn, 'user'), json)
redis.call('HSET', state, 'c:' .. int(turn), 1, 'x:' .. int(turn), accepted(json))
change('{"type":"message.withdrawn","message_id":' .. text(ARGV[4]) .. ',"turn":' .. int(turn) .. '}')
touch()
return { 'OK' }
