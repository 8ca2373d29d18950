"""FastAPI and taskiq: a task runs the bot and publishes each chunk; the socket's handler listens and passes it on."""

from __future__ import annotations

from benchmarks.contenders.base import Contender


class Taskiq(Contender):
    """One web server, and taskiq's command with one worker process.

    `RedisStreamBroker` is what its README begins with, and the one that acknowledges. Nobody asks for results, so
    there is no result backend. `--max-async-tasks` is 100 by default, which would be 100 replies at once.
    """

    name = "taskiq"
    dialect = "plain"
    venv = ".venv-bench"
    durable = False

    def launch(self) -> None:
        """Starts worker and server."""
        self.spawn(
            "worker",
            *("-m", "taskiq", "worker", "benchmarks.apps.taskiq_relay:broker"),
            *("--workers", "1", "--max-async-tasks", "10000", "--log-level", "WARNING"),
            REDIS_URL=self.redis,
        )
        self.uvicorn("benchmarks.apps.taskiq_relay:app", REDIS_URL=self.redis)
