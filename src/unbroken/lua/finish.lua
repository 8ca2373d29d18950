#!lua flags=allow-oom
-- finish: commits the outcome of a running attempt, and queues the session again if more waits.
--
-- ARGV     4 ready entry, 5 epoch, 6 a sequence never tried before, 7 status, 8 JSON members msg, status, error,
--          parts of the reply, 9 reason for the dead letter, 10 what the bot keeps that asks a question with this
--          reply, else '', 11 the id of this reply
-- returns  OK log id, timestamp of the reply | ALREADY | FENCED | GONE | BAD error
-- events   reply.completed, reply.failed or reply.cancelled
local epoch, seq = ARGV[5], ARGV[6]
local tail, run, newest, turnid, rid, mid, asking =
  unpack(redis.call('HMGET', state, 'tail', 'run', 'epoch', 'turn', 'rid', 'mid', 'to'))
if missing(tail) then
  drop(ARGV[4])
  return 'GONE'
end
if not run or newest ~= epoch then
  if redis.call('HGET', state, 'fin') == epoch then return 'ALREADY' end
  return 'FENCED'
end
local prev, id = top(), epoch .. '-' .. seq
local last_epoch, last_seq = split(prev)
local own = tonumber(epoch)
if last_epoch > own or (last_epoch == own and last_seq >= tonumber(seq)) then id = next_epoch(epoch, prev) .. '-0' end
local idle = turnid == tail -- the turns that wait are those behind it
local refused, time = commit(turnid, mid, id, prev, ARGV[7], ARGV[8], ARGV[9], asking, idle)
if refused then return { 'BAD', refused } end
if id ~= epoch .. '-' .. seq then redis.call('HSET', state, 'fin', epoch) end
if ARGV[10] ~= '' then
  local open = redis.call('HGET', state, 'open') -- asked before this one's message came, and given up for this one
  if open then redis.call('HDEL', state, 'asked:' .. open) end
  redis.call('HSET', state, 'asked:' .. ARGV[11], ARGV[10], 'open', ARGV[11])
end
dequeue(rid)
if not idle then enqueue() end
touch()
return 'OK ' .. id .. ' ' .. time
