"""A server in a process of its own, as it runs in production."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import psutil

from unbroken.config import Settings
from unbroken.server.bounds import Bounds

CODE = """
import sys
from unbroken.config import Settings
from unbroken.server.app import create_app
from unbroken.server.bounds import Bounds
from unbroken.server import run
settings = Settings(_env_file=None, **eval(sys.argv[1]))
if sys.argv[2] == "None":
    run.serve(settings)
else:
    bounds = Bounds(**eval(sys.argv[2]))
    run.Server(create_app(settings, bounds), settings, bounds, run.logging_config("info")).run()
"""


class Process:
    """A running server, and what it wrote."""

    def __init__(self, output: IO[bytes], *arguments: str) -> None:
        self._output = output
        self._process = subprocess.Popen(
            [sys.executable, "-c", CODE, *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={name: value for name, value in os.environ.items() if not name.startswith(("UNBROKEN_", "REDIS_"))},
        )
        self.address = ""

    @property
    def output(self) -> str:
        return os.pread(self._output.fileno(), 1 << 20, 0).decode()

    @property
    def stats(self) -> psutil.Process:
        return psutil.Process(self._process.pid)

    def started(self) -> None:
        """Waits until it listens, and learns where."""
        end = time.monotonic() + 60
        while time.monotonic() < end and self.running:
            if found := re.search(r"running on http://(\S+)", self.output):
                self.address = found[1]
                return
            time.sleep(0.02)
        raise AssertionError(f"the server did not start:\n{self.output}")

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait(self, timeout: float) -> int:
        """Its exit code."""
        return self._process.wait(timeout)

    def end(self) -> None:
        if self.running:
            self._process.kill()
        self._process.wait(10)


@contextmanager
def process(settings: Settings, bounds: Bounds | None = None, **changes: Any) -> Iterator[Process]:
    """Runs a server; without bounds by `serve`, as the command line does."""
    values: dict[str, Any] = {"redis_url": settings.redis_url, "prefix": settings.prefix, "port": 0, **changes}
    with tempfile.TemporaryFile() as output:
        server = Process(output, repr(values), repr(bounds._asdict() if bounds else None))
        try:
            server.started()
            yield server
        finally:
            server.end()
