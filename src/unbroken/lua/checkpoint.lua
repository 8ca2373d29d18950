#!lua
-- checkpoint: keeps what the bot of a running attempt wants to find again, and with it what was said until then.
--
-- ARGV     4 epoch, 5 number of this call within the epoch, 1, 2, 3 ..., 6 what to keep, 7 sequence of the last chunk
--          that stays, or '' to leave that as it was
-- returns  OK | LOST | BEHIND (a failover lost that chunk: it is to be written again first)
-- events   none
--
-- A copy of a call that arrives behind a later one does nothing.
local st = redis.call('HMGET', state, 'run', 'epoch', 'step')
if missing(st[1]) or not st[1] or st[2] ~= ARGV[4] then return 'LOST' end
local epoch, number = split(st[3] or '0-0')
if epoch == tonumber(ARGV[4]) and number >= tonumber(ARGV[5]) then return 'OK' end
if ARGV[7] ~= '' then
  local mark = ARGV[4] .. '-' .. ARGV[7]
  if #redis.call('XRANGE', log, mark, mark) == 0 then return 'BEHIND' end
  redis.call('HSET', state, 'mark', mark)
end
redis.call('HSET', state, 'kept', ARGV[6], 'step', ARGV[4] .. '-' .. ARGV[5])
touch()
return 'OK'
