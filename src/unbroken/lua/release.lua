#!lua flags=allow-oom
-- release: hands a running attempt back, so that another worker takes it at once and not after a lease.
--
-- ARGV     4 epoch, 5 '1' if the attempt counts
-- returns  OK | LOST
-- events   none
local st = redis.call('HMGET', state, 'run', 'epoch', 'rid', 'att')
if missing(st[1]) or not st[1] or st[2] ~= ARGV[4] then return 'LOST' end
redis.call('HDEL', state, 'run')
if ARGV[5] ~= '1' then redis.call('HSET', state, 'att', tonumber(st[4]) - 1) end
dequeue(st[3])
enqueue()
touch()
return 'OK'
