#!lua flags=allow-oom
-- finish: commits the outcome of a running attempt, and queues the session again if more waits.
--
-- ARGV     4 ready entry, 5 epoch, 6 a sequence never tried before, 7 status, 8 JSON members msg, status, error,
--          parts of the reply, 9 reason for the dead letter, 10 what the bot keeps that asks a question with this
--          reply, else '', 11 the id of this reply
-- returns  OK log id | ALREADY | FENCED | GONE | BAD error
-- events   reply.completed, reply.failed or reply.cancelled
local epoch, seq = ARGV[5], tonumber(ARGV[6])
if missing() then
  drop(ARGV[4])
  return { 'GONE' }
end
local st = redis.call('HMGET', state, 'run', 'epoch', 'turn', 'rid', 'fin', 'att', 'mid', 'to')
if not st[1] or st[2] ~= epoch then
  if st[5] == epoch then return { 'ALREADY' } end
  return { 'FENCED' }
end
local prev, id = top(), epoch .. '-' .. int(seq)
local last_epoch, last_seq = split(prev)
if last_epoch > tonumber(epoch) or (last_epoch == tonumber(epoch) and last_seq >= seq) then
  id = next_epoch(epoch, prev) .. '-0'
end
local idle = redis.call('XLEN', inbox) == 1
local refused = commit(st[3], st[7], id, prev, ARGV[7], ARGV[8], st[6], ARGV[9], st[8], idle)
if refused then return { 'BAD', refused } end
if id ~= epoch .. '-' .. int(seq) then redis.call('HSET', state, 'fin', epoch) end
if ARGV[10] ~= '' then
  local open = redis.call('HGET', state, 'open') -- asked before this one's message came, and given up for this one
  if open then redis.call('HDEL', state, 'asked:' .. open) end
  redis.call('HSET', state, 'asked:' .. ARGV[11], ARGV[10], 'open', ARGV[11])
end
dequeue(st[4])
if not idle then enqueue() end
touch()
return { 'OK', id }
