#!lua flags=allow-oom
-- renew: keeps the lease of a running attempt, and its session alive.
--
-- ARGV     4 epoch, 5 consumer
-- returns  OK 1 if the turn was cancelled, else OK 0 | LOST
-- events   none
local st = redis.call('HMGET', state, 'run', 'epoch', 'turn', 'rid')
if missing(st[1]) or not st[1] or st[2] ~= ARGV[4] then return 'LOST' end
redis.pcall('XCLAIM', ready, 'workers', ARGV[5], 0, st[4], 'JUSTID')
touch()
return 'OK ' .. redis.call('HEXISTS', state, 'c:' .. first(st[3]))
