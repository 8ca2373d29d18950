"""One child process of `unbroken up`: started, read, kept running, drained."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress

from unbroken.embedded import launch
from unbroken.errors import ConfigurationError
from unbroken.supervisor.voice import Voice

STEADY = 10.0
"""Seconds of life after which an exit is no longer a failed start."""
LONGEST_PAUSE = 30.0
AFTER_GRACE = 3.0
"""Seconds beyond its grace time after which a child is killed."""
LINE_LIMIT = 1 << 20
ERROR = "Error: "
"""What the last line of a process begins with if it ended with a sentence for people."""

_RECORD = re.compile(r"\S+ \S+ (DEBUG|INFO|WARNING|ERROR|CRITICAL) \S+ (.*)")
_READY = re.compile(r"worker \S+ is ready")


class Child:
    """`python -m unbroken <name>`, in a process of its own that dies with this one, however this one dies.

    Args:
        name: which command.
        environment: of the process.
        grace: seconds that it may take to drain.
        voice: hears its lines and what becomes of it.
        level: lines of its log below this level are not shown; everything else is.
        until_changed: if it fails to start again, wait for `change` instead of trying on.

    Attributes:
        ready: set once a worker has said so.
    """

    def __init__(
        self,
        name: str,
        environment: Mapping[str, str],
        grace: float,
        voice: Voice,
        level: int,
        *,
        until_changed: bool = False,
    ) -> None:
        self.name = name
        self.ready = asyncio.Event()
        self._level = level
        self._environment = environment
        self._grace = grace
        self._voice = voice
        self._until_changed = until_changed
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._began = 0.0
        self._quiet = True
        self._said: deque[str] = deque(maxlen=200)
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Starts the process; only from the main thread, since the kernel ends it with the thread that started it."""
        self._began = time.monotonic()
        self._said.clear()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", launch.__file__, str(os.getpid())),
            *(sys.executable, "-m", "unbroken", self.name),
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LINE_LIMIT,
            start_new_session=True,  # Ctrl-C in the terminal is for the parent alone, which lets its children finish
        )
        self._reading = asyncio.create_task(self._read(self._process))

    async def failed(self) -> None:
        """Waits until the process ends, while it should start.

        Raises:
            ConfigurationError: it did, with its own sentence if it had one.
        """
        code = await self._exit()
        words = [line for line in self._said if line.strip()]
        if words and words[-1].startswith(ERROR):
            raise ConfigurationError(words[-1].removeprefix(ERROR))
        self.listen()
        raise ConfigurationError(f"the {self.name} {_how(code)} while it started")

    def listen(self) -> None:
        """From now on its lines are shown, those that were kept first."""
        self._quiet = False
        for line in self._said:
            self._show(line)

    def change(self) -> None:
        """Its code changed: it is to be started anew."""
        self._changed.set()

    async def keep(self) -> None:
        """Starts the process again whenever it ends or its code changed. Endless."""
        failures = 0
        while True:
            exited = asyncio.create_task(self._exit())
            try:
                changed = await self._wait_for_change(exited)
            finally:
                exited.cancel()
            if changed:
                await self.stop()
                failures = 0
            else:
                failures = 0 if time.monotonic() - self._began > STEADY else failures + 1
                await self._pause(failures, exited.result())
            await self.start()

    async def _wait_for_change(self, exited: asyncio.Task[int]) -> bool:
        change = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait([exited, change], return_when=asyncio.FIRST_COMPLETED)
            return self._changed.is_set()
        finally:
            change.cancel()
            self._changed.clear()

    async def _pause(self, failures: int, code: int) -> None:
        delay: float | None = min(LONGEST_PAUSE, 2.0 ** (failures - 1)) if failures else 0.0
        if self._until_changed and code == 1:
            delay = None
            self._voice.news(f"the {self.name} waits for the next change")
        else:
            self._voice.news(f"the {self.name} {_how(code)}; starting it again" + (f" in {delay:g} s" if delay else ""))
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._changed.wait()
        self._changed.clear()

    async def stop(self) -> None:
        """Lets the process finish what it does, within its grace time, and waits until it is gone."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._grace + AFTER_GRACE):
                await self._exit()
        except TimeoutError:
            self._voice.news(f"the {self.name} did not stop in time and is killed")
            self.signal(signal.SIGKILL)
            await self._exit()

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal, if there is anybody left."""
        if self._process and self._process.returncode is None:
            with suppress(ProcessLookupError):
                # its own `send_signal` would look whether it has ended, and take its exit code from asyncio's watcher
                os.kill(self._process.pid, number)

    async def _exit(self) -> int:
        """Waits for the end of the process and of what it says."""
        if self._process is None:
            return 0
        code = await self._process.wait()
        if self._reading:
            # its own children may hold the pipe open
            await asyncio.wait([self._reading], timeout=0.5)
            self._reading.cancel()
        return code

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout
        while True:
            try:
                raw = await process.stdout.readline()
            except ValueError:
                continue  # a line beyond the limit; the reader has dropped it
            if not raw:
                return
            line = raw.decode(errors="replace").rstrip()
            self._said.append(line)
            if _READY.search(line):
                self.ready.set()
            if not self._quiet:
                self._show(line)

    def _show(self, line: str) -> None:
        record = _RECORD.match(line)
        if record is None:
            self._voice.line(self.name, logging.NOTSET, line)
        elif (level := getattr(logging, record[1])) >= self._level:
            self._voice.line(self.name, level, record[2])


def _how(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
