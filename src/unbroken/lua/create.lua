#!lua
-- create: makes a session with all that its scripts expect, or nothing.
--
-- ARGV     4 name, 5 SHA-256 digest of the token, hex, 6 bot that answers, or '' for whichever is the first
-- returns  OK session_start | EXISTS
-- events   none
--
-- Sent twice it answers the same again: the digest tells that the session is the same.
if redis.call('EXISTS', doc, state) > 0 then
  local known = redis.call('JSON.GET', doc, '$.token_digest', '$.session_start')
  local made = known and cjson.decode(known)
  if made and made['$.token_digest'][1] == ARGV[5] then return 'OK ' .. made['$.session_start'][1] end
  return 'EXISTS'
end
local start = iso(now())
redis.call('JSON.SET', doc, '$', '{"id":' .. text(sid) .. ',"name":' .. text(ARGV[4])
  .. (ARGV[6] ~= '' and ',"bot":' .. text(ARGV[6]) or '') .. ',"session_start":"' .. start
  .. '","token_digest":' .. text(ARGV[5]) .. ',"messages":[]}')
redis.call('HSET', state, 'tail', '0-0', 'done', '0-0', 'rev', '0-0')
touch()
return 'OK ' .. start
