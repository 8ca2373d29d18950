#!lua
-- take: starts the next attempt of a session, and fences every attempt before it.
--
-- ARGV     4 ready entry, 5 nonce of this take, 6 most attempts, 7 '1' if the bot continues partial texts,
--          8 how many of the newest messages to answer with, beside those that wait
-- returns  OK turn id, epoch, attempt, frame of the message, partial text, context as JSON [message, ...],
--          name as JSON [name]
--          | EMPTY | GONE | STALE
-- events   reply.started; reply.cancelled and reply.failed for turns that are passed over
--
-- Sent twice with the same nonce it answers the same again, without burning an attempt.
local rid, nonce, limit, continues = ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7] == '1'
if missing() then
  drop(rid)
  return { 'GONE' }
end
local st = redis.call('HMGET', state, 'rid', 'run', 'turn', 'att', 'epoch', 'rev')
if st[1] ~= rid then
  drop(rid)
  return { 'STALE' }
end

local function answer(turnid, epoch, attempt, frame, partial)
  local last = tonumber(ARGV[8]) + redis.call('XLEN', inbox)
  local context = redis.call('JSON.GET', doc, '$.messages[-' .. int(last) .. ':]')
  return { 'OK', turnid, epoch, attempt, frame, partial, context, redis.call('JSON.GET', doc, '$.name') }
end

-- All text that an attempt showed.
local function shown(epoch)
  local pieces = {}
  for _, e in ipairs(redis.call('XRANGE', log, epoch .. '-0', epoch)) do
    local kind = e[2][2]
    if kind == 's' or kind == 'd' then pieces[#pieces + 1] = cjson.decode(e[2][4]).text end
  end
  return table.concat(pieces)
end

if st[2] == nonce then
  local _, frame = current(redis.call('XRANGE', inbox, st[3], st[3])[1])
  local started = redis.call('XRANGE', log, st[5] .. '-0', st[5] .. '-0')[1]
  return answer(st[3], st[5], st[4], frame, cjson.decode(started[2][4]).text)
end

local tried, attempt, epoch = st[3], tonumber(st[4] or '0'), st[5]
while true do
  local head = redis.call('XRANGE', inbox, '-', '+', 'COUNT', 1)[1]
  if not head then
    drop(rid)
    redis.call('HDEL', state, 'rid', 'run')
    touch()
    return { 'EMPTY' }
  end
  local turnid, partial = head[1], ''
  if tried == turnid then
    attempt = attempt + 1
    partial = shown(epoch)
  else
    attempt = 1
  end
  local turn, prev = split(turnid), top()
  epoch = next_epoch(epoch)
  local id = epoch .. '-0'
  local status, reason
  if redis.call('HEXISTS', state, 'c:' .. int(turn)) == 1 then
    status, reason = 'cancelled', ''
  elseif attempt > limit then
    status = 'failed'
    reason = ',"error":{"code":"attempts_exhausted","message":"The reply could not be finished."}'
  end
  if status then
    local function outcome(said) return '"msg":' .. text(said) .. ',"status":"' .. status .. '"' .. reason end
    local refused = commit(turnid, id, prev, status, outcome(partial), attempt - 1, 'attempts_exhausted')
      and commit(turnid, id, prev, status, outcome(''), attempt - 1, 'attempts_exhausted')
    if refused then return redis.error_reply(refused) end -- better than to try for ever
    tried = nil
  else
    if not continues then partial = '' end
    local mid, message = current(head)
    local frame = '{"type":"reply.started","turn":' .. int(turn) .. ',"message_id":' .. text(mid)
      .. ',"attempt":' .. int(attempt) .. ',"text":' .. text(partial) .. '}'
    redis.call('XADD', log, id, 'k', 's', 'f', frame, 'p', prev, 't', turnid, 'v', st[6])
    redis.call('HSET', state, 'turn', turnid, 'att', attempt, 'epoch', epoch, 'run', nonce)
    publish('s ' .. id .. ' ' .. prev .. ' ' .. turnid .. ' ' .. st[6], frame)
    touch()
    return answer(turnid, epoch, int(attempt), message, partial)
  end
end
