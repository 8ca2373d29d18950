"""Who runs which reply, as far as Redis has told the workers: read from what passes through their proxies."""

from __future__ import annotations

import time
from typing import NamedTuple

from tests.faults.redis_proxy import Call, Rule, Verdict
from tests.faults.resp import parse


class Interruption(NamedTuple):
    """A moment at which something died, and whose replies it took along.

    Attributes:
        what: what died.
        at: when, by `time.monotonic`.
        epochs: session → epoch of the reply that ran there.
    """

    what: str
    at: float
    epochs: dict[str, int]


class Tracker(Rule):
    """The replies of one worker.

    Attributes:
        running: session → epoch.
        chunks: how many were written.
    """

    def __init__(self) -> None:
        self.running: dict[str, int] = {}
        self.chunks = 0

    def reply(self, call: Call) -> Verdict:
        if call.name == "take":
            code, *rest = parse(call.reply) if call.reply.startswith(b"*") else [b""]
            if code == b"OK":
                self.running[call.session] = int(rest[1])
        elif call.name in ("finish", "release"):
            self.running.pop(call.session, None)
        elif call.name == "XADD" and call.reply.startswith(b"$"):
            self.chunks += 1
        return Verdict.PASS

    def interrupted(self, what: str) -> Interruption:
        """Everything that ran here ends now."""
        interruption = Interruption(what, time.monotonic(), dict(self.running))
        self.running.clear()
        return interruption
