#!lua flags=allow-oom
-- touch: renews the time to live of the session's keys, all of them alike.
--
-- ARGV     none more
-- returns  OK | GONE
-- events   none
if missing() then return 'GONE' end
touch()
return 'OK'
