"""A web server as in production, whose quiet sessions ask Redis sooner whether something was missed.

Run as `python -m tests.faults.server`. Only a lost final event, with nothing after it, has to wait for that question:
half a minute in production, which a test cannot wait for hundreds of times.
"""

from __future__ import annotations

from unbroken.config import Settings, load_settings
from unbroken.server.app import create_app
from unbroken.server.bounds import Bounds
from unbroken.server.run import Server, logging_config

IDLE_CHECK = 1.5


def main(settings: Settings) -> None:
    """Serves until SIGTERM."""
    bounds = Bounds(idle_check=IDLE_CHECK)
    Server(create_app(settings, bounds), settings, bounds, logging_config("info")).run()


if __name__ == "__main__":
    main(load_settings())
