"""The server's own bounds: what is a constant in production, and short in tests."""

from __future__ import annotations

from typing import NamedTuple


class Bounds(NamedTuple):
    """Times in seconds, sizes in bytes.

    Attributes:
        idle_check: how often a quiet session compares its position with Redis.
        keep_alive: longest silence on an SSE stream.
        stall: a client that takes no byte for so long is disconnected.
        linger: how long a closed connection may take to read its last bytes before it is cut.
        silence: how long a new connection may take until its first request.
        retry: mean pause before Redis is asked again after it did not answer.
        reconnect: clients of a stopping server are spread over so long.
        queue_bytes: what may wait for one slow client; past it the client is served from the log.
        violations: commands in a row that are not in the protocol, before the socket is closed.
        addresses: client addresses whose rate is remembered.
    """

    idle_check: float = 30.0
    keep_alive: float = 15.0
    stall: float = 60.0
    linger: float = 10.0
    silence: float = 60.0
    retry: float = 1.0
    reconnect: float = 1.0
    queue_bytes: int = 262_144
    violations: int = 20
    addresses: int = 10_000
