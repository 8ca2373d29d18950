"""What every schedule is made of: names and limits, all so small that a few dozen steps meet them."""

from __future__ import annotations

from typing import NamedTuple

from unbroken.keys import Keys

KEYS = Keys("model", 1)
SESSIONS = ("s0", "s1", "s2")
BOTS = {"s0": "", "s1": "poet", "s2": ""}
"""Which bot answers a session."""
CHANNELS = (*(KEYS.session(name).events for name in SESSIONS), KEYS.session(SESSIONS[0]).control)
BEGIN = 1_700_000_000_000_000
"""What the clock shows at first, in µs."""
ATTEMPTS = 3
INBOX = 4
CONTEXT = 3
TTL = 3600


class Shape(NamedTuple):
    """What differs between schedules besides chance.

    Attributes:
        turns: most messages of a session.
        ttl: seconds; 0 keeps sessions.
        page: most log entries that a client reads at once.
        haste: how probable it is that clients hear at once what happened; else it takes a while.
    """

    sessions: int
    consumers: int
    turns: int
    ttl: int
    page: int
    haste: float = 0.0
