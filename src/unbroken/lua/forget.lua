#!lua flags=allow-oom
-- forget: removes consumers of workers that are long dead. One that holds an entry stays, since the entry would be lost
-- with it: first somebody reclaims that. One that is alive after all comes back with its next read.
--
-- KEYS     1 ready stream
-- ARGV     1 ms of silence
-- returns  how many were removed
-- events   none
local removed = 0
local found = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], 'workers')
if found.err then return 0 end -- there is no group yet
for _, fields in ipairs(found) do
  local consumer = {}
  for i = 1, #fields, 2 do consumer[fields[i]] = fields[i + 1] end
  if consumer.pending == 0 and consumer.idle > tonumber(ARGV[1]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], 'workers', consumer.name)
    removed = removed + 1
  end
end
return removed
