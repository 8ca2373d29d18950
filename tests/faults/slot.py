"""A place for one server or worker. Whatever dies there is started again, as a supervisor would.

Each slot has proxies of its own: between its process and Redis, and for a server between the clients and it. They keep
their ports while processes come and go.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from enum import Enum
from pathlib import Path

import psutil

from tests.faults.proxy import Proxy
from tests.faults.redis_proxy import RedisProxy
from unbroken.embedded import launch

ROOT = Path(__file__).parents[2]
POLL = 0.02


class Kind(Enum):
    """What runs in a slot."""

    SERVER = "server"
    WORKER = "worker"


_READY = {
    Kind.SERVER: re.compile(rb"running on http://(127\.0\.0\.1:\d+)"),
    Kind.WORKER: re.compile(rb"is (ready): bot"),
}


class Slot:
    """One place.

    Args:
        name: of the log file.
        arguments: of the Python that runs here.
        environment: of the process, without the address of Redis.
        redis: path of its socket.
        folder: for the log.

    Attributes:
        proxy: between the process and Redis.
        door: between clients and the process, for servers.
        ready: whether a process is up and running, and nobody paused it.
        deaths: how many processes ended here, killed or not.
        largest: bytes of memory that a process had here, at most, of those that were looked at.
    """

    def __init__(
        self, kind: Kind, name: str, arguments: list[str], environment: dict[str, str], redis: str, folder: Path
    ) -> None:
        self.kind = kind
        self.name = name
        self.log = folder / f"{name}.log"
        self.proxy = RedisProxy(redis)
        self.door = Proxy("")
        self.ready = False
        self.deaths = 0
        self.largest = 0
        self._arguments = arguments
        self._environment = environment
        self._paused = False
        self._process: subprocess.Popen[bytes] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """What clients are told."""
        return f"http://127.0.0.1:{self.door.port}"

    async def start(self) -> None:
        """Opens the proxies and begins to run processes."""
        await self.proxy.start()
        await self.door.start()
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def close(self) -> None:
        """Ends the process and the proxies."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.proxy.close()
        await self.door.close()

    # Faults; each happens before the call returns

    def kill(self) -> None:
        """kill -9."""
        self._signal(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: it does nothing until `go_on`, and keeps its connections."""
        if self.ready:
            self._paused = True
            self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT, if it is paused."""
        if self._paused:
            self._signal(signal.SIGCONT)
            self._paused = False
            self.ready = True

    def terminate(self) -> None:
        """SIGTERM: it drains."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        self.ready = False
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    # Looking after it

    def measure(self) -> int:
        """Bytes of memory that the process has now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            if self._process is not None:
                size = int(psutil.Process(self._process.pid).memory_info().rss)
                self.largest = max(self.largest, size)
                return size
        return 0

    async def _run(self) -> None:
        try:
            while True:
                await self._life()
                self.deaths += 1
        finally:
            if self._process is not None and self._process.poll() is None:
                self._process.kill()
                self._process.wait()

    async def _life(self) -> None:
        """One process, from its start to its end."""
        with self.log.open("ab") as sink:
            begin = sink.tell()
            tied = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), sys.executable]
            self._process = subprocess.Popen(
                [*tied, *self._arguments],
                env=self._environment | {"REDIS_URL": self.proxy.address},
                cwd=ROOT,
                stdout=sink,
                stderr=sink,
            )
        up = False
        while self._process.poll() is None:
            if not up and (found := _READY[self.kind].search(self._said(begin))):
                up = self.ready = True
                self.door.target = found[1].decode() if self.kind is Kind.SERVER else ""
            await asyncio.sleep(POLL)
        self.ready = self._paused = False
        self.door.target = ""

    def _said(self, begin: int) -> bytes:
        with self.log.open("rb") as log:
            log.seek(begin)
            return log.read()

    async def up(self, timeout: float = 180.0) -> None:
        """Waits until it is ready.

        Raises:
            AssertionError: it is not in time; with what it said.
        """
        end = time.monotonic() + timeout
        while not self.ready:
            assert time.monotonic() < end, f"{self.name} is not ready:\n{self.log.read_text()[-4000:]}"
            await asyncio.sleep(POLL)
