#!lua
-- take: starts the next attempt of a session, and fences every attempt before it.
--
-- ARGV     4 ready entry, 5 nonce of this take, 6 most attempts, 7 names of the bots that continue partial texts, with
--          a comma around each, 8 how many of the newest messages to answer with, beside those that wait,
--          9 '<epoch> <rev>' of the last commit and the newest change that the worker knows the messages of, or ''
-- returns  OK turn id, epoch, attempt, frame of the message, partial text, parts as JSON [part, ...] or '',
--          what the bot kept, what the bot kept that asked what this message answers, name and bot and context as
--          JSON {"$.name": [name], "$.bot": [bot], ...: [message, ...]}; for an answer twice, the newest messages and
--          those around the message that led to the question; '' if the worker knows all that; the newest change
--          | EMPTY | GONE | STALE
-- events   reply.started; reply.cancelled and reply.failed for turns that are passed over
--
-- Sent twice with the same nonce it answers the same again, without burning an attempt. Of what an earlier attempt
-- showed, all stays if the bot continues it, else what was said before its checkpoint.
local rid, nonce, limit = ARGV[4], ARGV[5], tonumber(ARGV[6])
local exhausted = 'attempts_exhausted'

-- The oldest message in the inbox, its turn, and fields of the state: whether that turn is to be stopped, what its
-- message was changed to, and others.
local function front(...)
  local head = redis.call('XRANGE', inbox, '-', '+', 'COUNT', 1)[1]
  local turn = head and first(head[1]) or ''
  return head, turn, unpack(redis.call('HMGET', state, 'c:' .. turn, 'x:' .. turn, ...))
end

local head, turn, stop, changed, entry, run, tried, attempt, epoch, rev, fin, ended =
  front('rid', 'run', 'turn', 'att', 'epoch', 'rev', 'fin', 'end')
if missing(rev) then
  drop(rid)
  return 'GONE'
end
local known = fin and ARGV[9] == fin .. ' ' .. rev -- nothing that was committed or changed is newer
if entry ~= rid then
  drop(rid)
  return 'STALE'
end

local function answer(turnid, frame, partial, parts, saved, asking)
  local asked = asking and redis.call('HGET', state, 'asked:' .. asking) or ''
  if known and asked == '' and not string.find(frame, '"replaces":', 1, true) then
    return { 'OK', turnid, epoch, tonumber(attempt), frame, partial, parts, saved or '', '', '', rev }
  end
  local last = tonumber(ARGV[8]) + redis.call('XLEN', inbox)
  local paths = { '$.name', '$.bot', '$.messages[-' .. int(last) .. ':]' }
  if asked ~= '' then
    local place = 2 * tonumber(string.match(asked, '^{"turn":(%d+)'))
    paths[4] = '$.messages[' .. int(math.max(0, place - 2 - last)) .. ':' .. int(place + last) .. ']'
  end
  local found = redis.call('JSON.GET', doc, unpack(paths))
  return { 'OK', turnid, epoch, tonumber(attempt), frame, partial, parts, saved or '', asked, found, rev }
end

-- The text and the parts of an attempt up to a log id. The parts stay as they were written, but for reasoning that
-- follows each other, which is one part.
local function shown(before, last)
  local pieces, parts, thoughts = {}, {}, {}
  local function thought()
    if thoughts[1] then parts[#parts + 1] = '{"type":"reasoning","text":' .. text(table.concat(thoughts)) .. '}' end
    thoughts = {}
  end
  for _, e in ipairs(redis.call('XRANGE', log, before .. '-0', last)) do
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
local function kept(before)
  local bot = cjson.decode(redis.call('JSON.GET', doc, '$.bot'))[1] or ''
  if string.find(ARGV[7], ',' .. bot .. ',', 1, true) then return before end
  local mark = redis.call('HGET', state, 'mark')
  if mark and first(mark) == before then return mark end
  return before .. '-0'
end

if run == nonce then
  local _, frame = current(redis.call('XRANGE', inbox, tried, tried)[1])
  local partial, parts = shown(epoch, epoch .. '-0')
  return answer(tried, frame, partial, parts, unpack(redis.call('HMGET', state, 'kept', 'to')))
end

local made = false -- the log, just now
while head do
  local turnid, before, prev = head[1], epoch, top(ended)
  local again = tried == turnid
  attempt = again and attempt + 1 or 1
  made = made or prev == '0-0'
  local mid, message = current(head, changed)
  epoch = next_epoch(epoch, prev)
  local id = epoch .. '-0'
  local status, reason
  if stop then
    status, reason = 'cancelled', ''
  elseif attempt > limit then
    status = 'failed'
    reason = ',"error":{"code":"' .. exhausted .. '","message":"The reply could not be finished."}'
  end
  if status then
    local partial, parts = '', ''
    if again then partial, parts = shown(before, before) end
    local function outcome(said, more)
      return '"msg":' .. text(said) .. ',"status":"' .. status .. '"' .. reason
        .. (more ~= '' and ',"parts":' .. more or '')
    end
    local asking = answered(message)
    local refused = commit(turnid, mid, id, prev, status, outcome(partial, parts), exhausted, asking)
      and commit(turnid, mid, id, prev, status, outcome('', ''), exhausted, asking)
    if refused then return redis.error_reply(refused) end -- better than to try for ever
    tried, known, ended = nil, false, id
    head, turn, stop, changed = front()
  else
    local partial, parts = '', ''
    if again then partial, parts = shown(before, kept(before)) end
    local frame = '{"type":"reply.started","turn":' .. turn .. ',"message_id":' .. text(mid)
      .. ',"attempt":' .. attempt .. ',"text":' .. text(partial)
      .. (parts ~= '' and ',"parts":' .. parts or '') .. '}'
    redis.call('XADD', log, id, 'k', 's', 'f', frame, 'p', prev, 't', turnid, 'v', rev)
    redis.call('HSET', state, 'turn', turnid, 'att', attempt, 'epoch', epoch, 'run', nonce, 'mid', mid)
    local asking = answered(message)
    if asking then redis.call('HSET', state, 'to', asking) end
    publish('s ' .. id .. ' ' .. prev .. ' ' .. turnid .. ' ' .. rev, frame)
    touch(made)
    local saved = again and redis.call('HGET', state, 'kept')
    return answer(turnid, message, partial, parts, saved, asking)
  end
end
drop(rid)
redis.call('HDEL', state, 'rid', 'run')
touch(made)
return 'EMPTY'
