"""The design of a well-known tutorial: FastAPI, Redis Streams as queues, and a JSON document for each chat."""

from __future__ import annotations

from benchmarks.contenders.base import Contender


class Tutorial(Contender):
    """One web server and one worker, written anew after the tutorial's text, in its shape.

    A client of Redis for each socket; a stream that one worker reads in order, one message at a time; the history
    fetched whole for each; the reply as a whole through a second stream. Two things are repaired, both in its favour:
    its sockets share one response stream and delete each other's replies, so each has a stream of its own here; and
    its calls to the JSON document block the event loop, here they do not.
    """

    name = "tutorial"
    dialect = "tutorial"
    venv = ".venv-bench"
    durable = False

    def launch(self) -> None:
        """Starts worker and server."""
        self.spawn("worker", "-m", "benchmarks.apps.tutorial_worker", REDIS_URL=self.redis)
        self.uvicorn("benchmarks.apps.tutorial_server:app", REDIS_URL=self.redis)
