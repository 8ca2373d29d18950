"""No contender: a server that only sends, to see what the load generator can take."""

from __future__ import annotations

from benchmarks.contenders.base import Contender


class Ceiling(Contender):
    """A bare server, which sends a whole reply, 64 frames, in one write."""

    name = "ceiling"
    dialect = "plain"

    def launch(self) -> None:
        """Starts it."""
        (port,) = self.ports
        self.spawn("web server", "-m", "benchmarks.apps.ceiling", str(port))
