"""A worker in a process of its own, to stop, freeze and kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_PROGRAM = "from unbroken.config import load_settings; from unbroken.worker.run import work; work(load_settings())"


class WorkerProcess:
    """Runs `work`; its log goes to a file.

    Args:
        address: of Redis.
        overrides: settings, by their own names.
    """

    def __init__(self, address: str, prefix: str, bot: str = "unbroken.models.scripted:bot", **overrides: Any) -> None:
        settings = {"prefix": prefix, "bot": bot, "partitions": 2, "lease": 1.5, **overrides}
        self._env = {"REDIS_URL": address, "PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        self._env |= {f"UNBROKEN_{name.upper()}": str(value) for name, value in settings.items()}

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name) / "log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", _PROGRAM], env=self._env, stderr=log, cwd=self._folder.name
            )
        self.wait_for("is ready")
        return self

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, text: str, timeout: float = 60.0) -> None:
        """Waits until the log holds a text."""
        end = time.monotonic() + timeout
        while text not in self.log:
            assert self._process.poll() is None or text in self.log, self.log
            assert time.monotonic() < end, self.log
            time.sleep(0.01)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, timeout: float = 60.0) -> int:
        return self._process.wait(timeout)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if error is not None:
            print(self.log)
        self._folder.cleanup()
