#!lua
-- create: makes a session with all that its scripts expect, or nothing.
--
-- ARGV     4 name, 5 SHA-256 digest of the token, hex
-- returns  OK session_start | EXISTS
-- events   none
if redis.call('EXISTS', doc, state) > 0 then return { 'EXISTS' } end
local start = iso(now())
redis.call('JSON.SET', doc, '$', '{"id":' .. text(sid) .. ',"name":' .. text(ARGV[4]) .. ',"session_start":"' .. start
  .. '","token_digest":' .. text(ARGV[5]) .. ',"messages":[]}')
redis.call('HSET', state, 'tail', '0-0', 'done', '0-0')
touch()
return { 'OK', start }
