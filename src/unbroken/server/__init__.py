"""The web server: holds the connections, and shows each of them one session's events exactly once.

The map, along the way of an event from Redis to a client:

    hub → watch (viewer, reader) → dialect → websocket or SSE response → client

and of a command back:

    client → websocket → connection → queue            client → sessions, tutorial (HTTP) → queue, store

`reader`, `viewer` and `connection` are pure: no socket, no Redis, no clock. `app` puts everything together, `run`
starts it. Servers keep nothing that matters: any of them can serve any session at any time.
"""
