"""The load generator: many sessions in one lean process, and what it counted.

`websocket` is the client's half of the protocol, `session` what a session does on it, `dialects` how each contender
wants to be spoken to. `tally` counts, `generate` is the process. `resume` and `idle` are two other things to do with
sessions.
"""
