#!lua flags=allow-oom
-- delete: removes a session with all its keys, whatever runs. Its worker notices at its next write.
--
-- ARGV     4 control channel of the partition
-- returns  OK | GONE
-- events   a deletion on the session's channel; on the control channel: <session id> <epoch>
if missing() then return 'GONE' end
local st = redis.call('HMGET', state, 'rid', 'run', 'epoch')
if st[1] then drop(st[1]) end
redis.call('DEL', doc, state, ids, inbox, log)
publish('x 0-0', '{}')
if st[2] then redis.call('SPUBLISH', ARGV[4], sid .. ' ' .. st[3]) end
return 'OK'
