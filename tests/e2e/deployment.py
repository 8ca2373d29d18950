"""A whole deployment of real processes on loopback: servers, workers and the Valkey of the test."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

ROOT = Path(__file__).parents[2]
COUNTING = "tests.e2e.bots:counting"
PATIENCE = 90
"""Seconds that a process may take to start or to end, on a machine that stands still now and then."""
TAKEOVER: Mapping[str, Any] = {"lease": 2, "attempts": 20}
"""Settings for tests that wait until another worker takes over. A lease that runs out because the machine stood still
costs an attempt too, and these must not be used up by that.
"""


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """One process of ours, with its output in a file."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str], output: Path) -> None:
        self.name = name
        self.output = output / f"{name}.log"
        with self.output.open("ab") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "unbroken", *arguments], env=environment, cwd=ROOT, stdout=sink, stderr=sink
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self._process.kill()
        self._process.wait(PATIENCE)

    async def terminate(self, patience: float = PATIENCE) -> int:
        """SIGTERM; returns the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self._process.wait, patience)

    def cleanup(self) -> None:
        if self._process.poll() is None:
            self.kill()


class Deployment:
    """Starts and stops servers and workers that share one key prefix.

    Args:
        address: of the Valkey.
        prefix: of the keys.
        output: folder for the logs of the processes.
        settings: more environment, without the prefix `UNBROKEN_`.
    """

    def __init__(self, address: str, prefix: str, output: Path, **settings: object) -> None:
        own = {f"UNBROKEN_{name.upper()}": str(value) for name, value in settings.items()}
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("UNBROKEN_", "REDIS_"))},
            "REDIS_URL": address,
            "UNBROKEN_PREFIX": prefix,
            "UNBROKEN_SESSIONS_PER_MINUTE": "0",
            **own,
        }
        self.output = output
        self._started: list[Process] = []

    async def server(self, port: int | None = None) -> tuple[Process, str]:
        """Starts a web server and waits until it is ready. Returns it and its address."""
        port = port or free_port()
        process = self._start(f"server-{port}", ["server", "--port", str(port)])
        url = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession() as http, asyncio.timeout(PATIENCE):
            while not await _ready(http, url):
                assert process._process.poll() is None, process.output.read_text()
                await asyncio.sleep(0.05)
        return process, url

    async def worker(self, bot: str = COUNTING) -> Process:
        """Starts a worker and waits until it takes work."""
        process = self._start(f"worker-{len(self._started)}", ["worker", bot])
        async with asyncio.timeout(PATIENCE):
            while "is ready" not in process.output.read_text():
                assert process._process.poll() is None, process.output.read_text()
                await asyncio.sleep(0.05)
        return process

    async def both(self, bot: str = COUNTING) -> tuple[str, Process]:
        """Starts a web server and a worker, side by side. Returns the address of the one, and the other."""
        (_, url), worker = await asyncio.gather(self.server(), self.worker(bot))
        return url, worker

    def _start(self, name: str, arguments: list[str]) -> Process:
        process = Process(name, arguments, self.environment, self.output)
        self._started.append(process)
        return process

    def logs(self) -> str:
        """What the processes printed, for a failing test."""
        return "\n".join(f"--- {p.name}\n{p.output.read_text()}" for p in self._started)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._started:
            process.cleanup()
        if error is not None:
            print(self.logs())


async def _ready(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(f"{url}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
