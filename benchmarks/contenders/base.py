"""One system under test: its processes, and where it listens."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import psutil

from unbroken.embedded import Embedded, launch

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds that a start may take."""
GRACE = 15.0
"""Seconds that a stop may take before it is enforced."""


class NotStarted(Exception):
    """The contender cannot be measured; says why."""


class Contender(ABC):
    """A system as it is measured; a context manager that starts and stops it. Its files are in `place`.

    Attributes:
        name: how it is called in results and on the command line.
        dialect: how the load generator speaks to it.
        servers: web servers, each with a port of its own, so that sessions are shared out evenly.
        venv: where its interpreter is.
        durable: whether its Valkey keeps an append-only file; None if it has no Valkey.
        ready_path: answered when it can serve.
    """

    name: ClassVar[str]
    dialect: ClassVar[str]
    servers: ClassVar[int] = 1
    venv: ClassVar[str | None] = None
    durable: ClassVar[bool | None] = None
    ready_path: ClassVar[str] = "/docs"

    def __init__(self, place: Path) -> None:
        self.place = place
        self.ports: list[int] = []
        self.startup = 0.0
        self._processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._valkey: Embedded | None = None

    @abstractmethod
    def launch(self) -> None:
        """Spawns everything; Valkey, where there is one, already runs."""

    @property
    def hosts(self) -> list[str]:
        """host:port of each server."""
        return [f"127.0.0.1:{port}" for port in self.ports]

    @property
    def redis(self) -> str:
        """The URL of its Valkey."""
        assert self._valkey
        return self._valkey.address

    @property
    def python(self) -> str:
        """Its interpreter.

        Raises:
            NotStarted: its environment was not made.
        """
        if self.venv is None:
            return sys.executable
        python = ROOT / self.venv / "bin" / "python"
        if not python.exists():
            raise NotStarted(f"{self.venv} is missing; `make bench` makes it")
        return str(python)

    def processes(self) -> dict[str, list[int]]:
        """The ids of all its processes, part by part."""
        parts: dict[str, list[int]] = {}
        for part, process in self._processes:
            tree = psutil.Process(process.pid)
            parts.setdefault(part, []).extend([tree.pid, *(child.pid for child in tree.children(recursive=True))])
        if self._valkey and self._valkey.pid:
            parts["Valkey"] = [self._valkey.pid]
        return parts

    def __enter__(self) -> Self:
        begin = time.monotonic()
        try:
            if self.durable is not None:
                # The append-only file with an fsync every second is our default; Redis' own default is to have none.
                extra = () if self.durable else ("--appendonly", "no")
                self._valkey = Embedded(self.place / "valkey", extra_args=extra)
                self._valkey.start()
            self.ports = [_free_port() for _ in range(self.servers)]
            self.launch()
            for port in self.ports:
                self._wait(port)
        except BaseException:
            self.stop()
            raise
        self.startup = time.monotonic() - begin
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stops everything, by force what does not stop."""
        for _, process in reversed(self._processes):
            _signal(process, signal.SIGTERM)
        end = time.monotonic() + GRACE
        for _, process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, end - time.monotonic()))
            _signal(process, signal.SIGKILL)
            process.wait()
        self._processes.clear()
        if self._valkey:
            self._valkey.stop()
            self._valkey = None

    def spawn(self, part: str, *arguments: str, **environment: str) -> None:
        """Starts a process of the contender's interpreter in the repository; it dies with this one."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        with (self.place / f"{part}.log".replace(" ", "-")).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), self.python, *arguments],
                cwd=ROOT,
                env={**inherited, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append((part, process))

    def uvicorn(self, app: str, **environment: str) -> None:
        """Starts uvicorn on each port, at its fastest: uvloop, its own WebSocket code, no compression, no log."""
        for port in self.ports:
            self.spawn(
                "web server",
                *("-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port)),
                *("--loop", "uvloop", "--ws", "websockets-sansio", "--ws-per-message-deflate", "false"),
                *("--log-level", "warning", "--no-access-log"),
                **environment,
            )

    def last_words(self) -> str:
        """The ends of its logs."""
        logs = sorted(self.place.glob("*.log"))
        return "\n".join(f"{log.stem}: {log.read_text(errors='replace')[-600:].strip()}" for log in logs)

    def _wait(self, port: int) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for part, process in self._processes:
                if process.poll() is not None:
                    raise NotStarted(f"{part} exited with code {process.returncode}\n{self.last_words()}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{self.ready_path}", timeout=5):
                    return
            except OSError:
                time.sleep(0.02)
        raise NotStarted(f"it does not answer\n{self.last_words()}")


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    """To the process and its children, which are a group of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
