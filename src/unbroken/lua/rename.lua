#!lua
-- rename: gives the session another name.
--
-- ARGV     4 nonce of this change, 5 name
-- returns  OK | GONE
-- events   session.renamed
if missing() then return 'GONE' end
if repeated(ARGV[4]) then return 'OK' end
redis.call('JSON.SET', doc, '$.name', text(ARGV[5]))
remember(ARGV[4])
change('{"type":"session.renamed","name":' .. text(ARGV[5]) .. '}')
touch()
return 'OK'
