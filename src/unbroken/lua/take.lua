#!lua
-- take: starts the next attempt of a session, and fences every attempt before it.
--
-- ARGV     4 ready entry, 5 nonce of this take, 6 most attempts, 7 names of the bots that continue partial texts, with
--          a comma around each, 8 how many of the newest messages to answer with, beside those that wait
-- returns  OK turn id, epoch, attempt, frame of the message, partial text, parts as JSON [part, ...] or '',
--          what the bot kept, what the bot kept that asked what this message answers, name and bot and context as
--          JSON {"$.name": [name], "$.bot": [bot], ...: [message, ...]}; for an answer twice, the newest messages and
--          those around the message that led to the question
--          | EMPTY | GONE | STALE
-- events   reply.started; reply.cancelled and reply.failed for turns that are passed over
--
-- Sent twice with the same nonce it answers the same again, without burning an attempt. Of what an earlier attempt
-- showed, all stays if the bot continues it, else what was said before its checkpoint.
local rid, nonce, limit = ARGV[4], ARGV[5], tonumber(ARGV[6])
local exhausted = 'attempts_exhausted'
if missing() then
  drop(rid)
  return { 'GONE' }
end
local st = redis.call('HMGET', state, 'rid', 'run', 'turn', 'att', 'epoch', 'rev', 'kept', 'to', 'mark')
if st[1] ~= rid then
  drop(rid)
  return { 'STALE' }
end

local function answer(turnid, epoch, attempt, frame, partial, parts, saved, asking)
  local last = tonumber(ARGV[8]) + redis.call('XLEN', inbox)
  local paths = { '$.name', '$.bot', '$.messages[-' .. int(last) .. ':]' }
  local asked = asking and redis.call('HGET', state, 'asked:' .. asking) or ''
  if asked ~= '' then
    local place = 2 * tonumber(string.match(asked, '^{"turn":(%d+)'))
    paths[4] = '$.messages[' .. int(math.max(0, place - 2 - last)) .. ':' .. int(place + last) .. ']'
  end
  local found = redis.call('JSON.GET', doc, unpack(paths))
  return { 'OK', turnid, epoch, attempt, frame, partial, parts, saved or '', asked, found }
end

-- The text and the parts of an attempt up to a log id. The parts stay as they were written, but for reasoning that
-- follows each other, which is one part.
local function shown(epoch, last)
  local pieces, parts, thoughts = {}, {}, {}
  local function thought()
    if thoughts[1] then parts[#parts + 1] = '{"type":"reasoning","text":' .. text(table.concat(thoughts)) .. '}' end
    thoughts = {}
  end
  for _, e in ipairs(redis.call('XRANGE', log, epoch .. '-0', last)) do
    local kind, frame = e[2][2], e[2][4]
    local part = kind == 'p' and string.match(frame, '^{"type":"reply.part","turn":%d+,"part":(.*)}$')
    if part and string.find(part, '{"type":"reasoning",', 1, true) == 1 then
      thoughts[#thoughts + 1] = cjson.decode(part).text
    else
      thought()
      if part then parts[#parts + 1] = part else pieces[#pieces + 1] = cjson.decode(frame).text end
      if kind == 's' then parts[#parts + 1] = string.match(frame, ',"parts":%[(.*)%]}$') end
    end
  end
  thought()
  return table.concat(pieces), parts[1] and '[' .. table.concat(parts, ',') .. ']' or ''
end

-- The last log id of an attempt that its next one leaves standing.
local function kept(epoch)
  local bot = cjson.decode(redis.call('JSON.GET', doc, '$.bot'))[1] or ''
  if string.find(ARGV[7], ',' .. bot .. ',', 1, true) then return epoch end
  if st[9] and string.match(st[9], '^%d+') == epoch then return st[9] end
  return epoch .. '-0'
end

if st[2] == nonce then
  local _, frame = current(redis.call('XRANGE', inbox, st[3], st[3])[1])
  local partial, parts = shown(st[5], st[5] .. '-0')
  return answer(st[3], st[5], st[4], frame, partial, parts, st[7], st[8])
end

local tried, attempt, epoch = st[3], tonumber(st[4] or '0'), st[5]
local made = false -- the log, just now
while true do
  local head = redis.call('XRANGE', inbox, '-', '+', 'COUNT', 1)[1]
  if not head then
    drop(rid)
    redis.call('HDEL', state, 'rid', 'run')
    touch(made)
    return { 'EMPTY' }
  end
  local turnid, before = head[1], epoch
  if tried == turnid then
    attempt = attempt + 1
  else
    attempt = 1
  end
  local turn, prev = split(turnid), top()
  made = made or prev == '0-0'
  local flags = redis.call('HMGET', state, 'c:' .. int(turn), 'x:' .. int(turn))
  local mid, message = current(head, flags[2])
  epoch = next_epoch(epoch, prev)
  local id = epoch .. '-0'
  local status, reason
  if flags[1] then
    status, reason = 'cancelled', ''
  elseif attempt > limit then
    status = 'failed'
    reason = ',"error":{"code":"' .. exhausted .. '","message":"The reply could not be finished."}'
  end
  if status then
    local partial, parts = '', ''
    if tried == turnid then partial, parts = shown(before, before) end
    local function outcome(said, more)
      return '"msg":' .. text(said) .. ',"status":"' .. status .. '"' .. reason
        .. (more ~= '' and ',"parts":' .. more or '')
    end
    local asking = answered(message)
    local refused = commit(turnid, mid, id, prev, status, outcome(partial, parts), attempt - 1, exhausted, asking)
      and commit(turnid, mid, id, prev, status, outcome('', ''), attempt - 1, exhausted, asking)
    if refused then return redis.error_reply(refused) end -- better than to try for ever
    tried = nil
  else
    local partial, parts = '', ''
    if tried == turnid then partial, parts = shown(before, kept(before)) end
    local frame = '{"type":"reply.started","turn":' .. int(turn) .. ',"message_id":' .. text(mid)
      .. ',"attempt":' .. int(attempt) .. ',"text":' .. text(partial)
      .. (parts ~= '' and ',"parts":' .. parts or '') .. '}'
    redis.call('XADD', log, id, 'k', 's', 'f', frame, 'p', prev, 't', turnid, 'v', st[6])
    redis.call('HSET', state, 'turn', turnid, 'att', attempt, 'epoch', epoch, 'run', nonce, 'mid', mid)
    local asking = answered(message)
    if asking then redis.call('HSET', state, 'to', asking) end
    publish('s ' .. id .. ' ' .. prev .. ' ' .. turnid .. ' ' .. st[6], frame)
    touch(made)
    local saved = tried == turnid and st[7]
    return answer(turnid, epoch, int(attempt), message, partial, parts, saved, asking)
  end
end
