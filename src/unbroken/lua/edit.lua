#!lua
-- edit: gives a waiting message another text, at its place in the order.
--
-- ARGV     4 message id, 5 text
-- returns  OK | LATE (its reply began, or it was stopped) | UNKNOWN | GONE | BAD error
-- events   message.edited
if missing() then return { 'GONE' } end
local entry, code = waiting(ARGV[4])
if not entry then return { code } end
local turn = split(entry[1])
local message = content(entry)
if message.msg == ARGV[5] then return { 'OK' } end
message.msg = ARGV[5]
local json = cjson.encode(message)
local set = redis.pcall('JSON.SET', doc, path(turn, 'user'), json)
if set.err then return { 'BAD', set.err } end
redis.call('HSET', state, 'x:' .. int(turn), accepted(json))
change('{"type":"message.edited","message":' .. json .. '}')
touch()
return { 'OK' }
