"""FastAPI and arq: the same as with taskiq, with another queue."""

from __future__ import annotations

from benchmarks.contenders.base import Contender


class Arq(Contender):
    """One web server, and arq's command.

    It looks for work every half second, its default and the one that its docs show; a first chunk waits for that. It
    is kept in an environment of its own, since it needs an older Redis client than taskiq.
    """

    name = "arq"
    dialect = "plain"
    venv = ".venv-bench-arq"
    durable = False

    def launch(self) -> None:
        """Starts worker and server."""
        self.spawn(
            "worker",
            *("-m", "arq", "benchmarks.apps.arq_relay.WorkerSettings"),
            *("--custom-log-dict", "benchmarks.apps.arq_relay.LOG"),
            REDIS_URL=self.redis,
        )
        self.uvicorn("benchmarks.apps.arq_relay:app", REDIS_URL=self.redis)
