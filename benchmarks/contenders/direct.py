"""FastAPI alone: the handler on the socket runs the bot. The usual upper bound of what Python does."""

from __future__ import annotations

from benchmarks.contenders.base import Contender


class Direct(Contender):
    """One process: uvicorn with uvloop and its own WebSocket code, which is the fastest that it has."""

    name = "direct"
    dialect = "plain"

    def launch(self) -> None:
        """Starts the servers."""
        self.uvicorn("benchmarks.apps.direct:app")


class DirectTwo(Direct):
    """Two processes, on a port each."""

    name = "direct-2"
    servers = 2
