"""The real program in processes of its own, read line by line."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import psutil

from unbroken.embedded import launch

PATIENCE = 60.0


class Program:
    """`unbroken <arguments>`, and everything that it starts."""

    def __init__(self, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        self.arguments = arguments
        self.lines: list[str] = []
        self._grown = threading.Condition()
        self._process = subprocess.Popen(
            # tied to this process: nothing outlives a test run that is killed
            [
                sys.executable,
                "-I",
                "-S",
                launch.__file__,
                str(os.getpid()),
                sys.executable,
                "-m",
                "unbroken",
                *arguments,
            ],
            cwd=cwd,
            env=clean_environment() | {"PYTHONUNBUFFERED": "1", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._process.stdout
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def _read(self, stream: IO[bytes]) -> None:
        for raw in stream:
            with self._grown:
                self.lines.append(raw.decode().rstrip())
                self._grown.notify_all()

    def until(self, pattern: str, timeout: float = PATIENCE) -> re.Match[str]:
        """The first match in what it says, now or later."""
        deadline = time.monotonic() + timeout
        with self._grown:
            while (found := re.search(pattern, self.output)) is None:
                left = deadline - time.monotonic()
                if left <= 0 or (self._process.poll() is not None and not self._reader.is_alive()):
                    raise AssertionError(f"{self.arguments} never said {pattern!r}, but:\n{self.output}")
                self._grown.wait(min(left, 0.1))
        return found

    def family(self) -> dict[str, psutil.Process]:
        """Its running children by what they are: server, worker, valkey."""
        found = {}
        for child in psutil.Process(self.pid).children(recursive=True):
            line = child.cmdline()
            name = "valkey" if line and "valkey-server" in line[0] else line[-1] if line else ""
            found[name] = child
        return found

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Its exit code."""
        code = self._process.wait(timeout)
        self._reader.join(timeout)
        assert self._process.stdout
        self._process.stdout.close()
        return code

    def end(self) -> None:
        """Leaves nothing of it behind, however the test went."""
        family = list(self.family().values()) if self._process.poll() is None else []
        for process in family:
            if process.is_running():
                process.kill()
        if self._process.poll() is None:
            self._process.kill()
        self.wait()


def run(
    *arguments: str, cwd: Path, stdin: str = "", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs `unbroken <arguments>` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "unbroken", *arguments],
        cwd=cwd,
        env=clean_environment() | {"COLUMNS": "200", **(env or {})},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def clean_environment() -> dict[str, str]:
    """This environment; the fixture of all tests has taken our own variables out of it."""
    return dict(os.environ)


def gone(processes: Mapping[str, psutil.Process], timeout: float = PATIENCE) -> bool:
    """Whether all of them end in time."""
    _, alive = psutil.wait_procs(list(processes.values()), timeout=timeout)
    return not alive


def kill(process: psutil.Process) -> None:
    """As a crash would."""
    process.send_signal(signal.SIGKILL)
