#!lua
-- rename: gives the session another name.
--
-- ARGV     4 name
-- returns  OK | GONE
-- events   session.renamed
if missing() then return { 'GONE' } end
redis.call('JSON.SET', doc, '$.name', text(ARGV[4]))
change('{"type":"session.renamed","name":' .. text(ARGV[4]) .. '}')
touch()
return { 'OK' }
