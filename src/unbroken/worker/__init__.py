"""Runs bots: claims sessions that have work, answers, and writes what is said into their logs.

The map: `worker` owns the process's slots, its replies and the drain; a `partition` claims sessions, new ones and those
of dead workers; a `reply` is one attempt from the claim to the committed outcome. What its bot says goes through a
`channel` into the `outbox`, which writes for all replies at once; `pieces` makes it fit to be written. `lease` keeps
what runs, `control` hears of cancellations, `watchdog` names a bot that blocks the event loop, `titles` names sessions.
`run` is the process.
"""
