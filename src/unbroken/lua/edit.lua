#!lua
-- edit: gives a waiting message another text, at its place in the order.
--
-- ARGV     4 nonce of this change, 5 message id, 6 text
-- returns  OK | LATE (its reply began, or it was stopped) | UNKNOWN | GONE | BAD error
-- events   message.edited
--
-- Sent twice it answers OK twice.
if missing() then return 'GONE' end
if repeated(ARGV[4]) then return 'OK' end
local entry, code = waiting(ARGV[5])
if not entry then return code end
local turn = first(entry[1])
local message = content(entry)
message.msg = ARGV[6]
local json = cjson.encode(message)
local set = redis.pcall('JSON.SET', doc, path(turn, 'user'), json)
if set.err then return { 'BAD', set.err } end
redis.call('HSET', state, 'x:' .. turn, accepted(json))
remember(ARGV[4])
change('{"type":"message.edited","message":' .. json .. '}')
touch()
return 'OK'
