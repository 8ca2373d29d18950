#!lua flags=allow-oom
-- cancel: stops the reply to a message. A waiting one is committed as cancelled at its place in the order, also
-- when its worker is dead; a finish that is already under way may still win.
--
-- ARGV     4 message id, 5 control channel of the partition
-- returns  RUNNING | QUEUED | DONE | UNKNOWN | GONE
-- events   on the control channel: <session id> <epoch>
if missing() then return 'GONE' end
local turnid = redis.call('HGET', ids, ARGV[4])
if not turnid then return 'UNKNOWN' end
local st = redis.call('HMGET', state, 'done', 'turn', 'run', 'epoch')
if split(turnid) <= split(st[1]) then return 'DONE' end
redis.call('HSETNX', state, 'c:' .. first(turnid), 1)
touch()
if st[3] and st[2] == turnid then
  redis.call('SPUBLISH', ARGV[5], sid .. ' ' .. st[4])
  return 'RUNNING'
end
return 'QUEUED'
