"""Runs the bundled Valkey as a child process, and keeps it running."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from unbroken.embedded import binaries, launch, lock
from unbroken.embedded.repair import repair
from unbroken.errors import ConfigurationError

logger = logging.getLogger(__name__)

SOCKET = "valkey.sock"
SOCKET_PATH_LIMIT = 108
"""Bytes of a unix socket's path, with the zero at its end."""
LOG_LIMIT = 1 << 20
"""Bytes after which a start begins a new log file."""
STEADY = 10.0
"""Seconds of life after which an exit is no longer a failed start."""
QUICK_EXITS = 3
"""Quick exits in a row after which nobody starts it again."""
SCARCE = 1 << 20
"""Bytes of free disk below which a server that exits did so for want of room; its log then has no words either."""
POLL_INTERVAL = 0.1
POLLS_PER_PING = 10
LOADING_SILENCE = 60.0
"""Seconds without any answer after which a server that starts is given up; loading answers."""

_OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "aof-load-truncated": "yes",
    "save": "",
    "maxmemory-policy": "noeviction",
    # RedisJSON's values must be freed on the main thread; on Valkey's background thread they corrupt the heap.
    "lazyfree-lazy-eviction": "no",
    "lazyfree-lazy-expire": "no",
    "lazyfree-lazy-server-del": "no",
    "lazyfree-lazy-user-del": "no",
    "lazyfree-lazy-user-flush": "no",
    "replica-lazy-flush": "no",
    # A session's streams are short: small nodes save 3 KB on each.
    "stream-node-max-bytes": "1024",
}

_TUNABLES = "glibc.malloc.tcache_count=64"
"""The bundled server uses the C library's allocator. A script makes more small objects than that keeps at hand by
itself; with these, two megabytes at most, it takes a sixth less time."""


def command(found: binaries.Binaries, options: Mapping[str, object]) -> list[str]:
    """How to start the bundled server with its JSON module; `options` go before those that it runs with here."""
    chosen = {"loadmodule": found.module, **_OPTIONS, **options}
    return [str(found.server), *(part for name, value in chosen.items() for part in (f"--{name}", str(value)))]


class Embedded:
    """A Valkey with JSON on a unix socket in its data directory; its data outlive it.

    The server dies with its parent, however the parent dies. It ignores Ctrl-C in the terminal, so that those who use
    it can finish first. Also a context manager, which starts and stops it.

    Args:
        data_dir: where its data, its socket, its log and its lock are; made if missing.
        extra_args: further arguments of the server; they win over ours.
        patience: seconds that `watch` gives the server to answer a PING.
    """

    def __init__(self, data_dir: Path, *, extra_args: Sequence[str] = (), patience: float = 2.0) -> None:
        self.data_dir = data_dir.absolute()
        self._extra = tuple(extra_args)
        self._patience = patience
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._log_start = 0

    @property
    def address(self) -> str:
        """Where clients connect, as a URL; also where a server listens that another process started here.

        Raises:
            OSError: none was started, and the data directory's path is too long to hold the socket.
        """
        return f"unix://{quote(str(self._socket))}"

    @property
    def pid(self) -> int | None:
        """The process id of the server, None before `start` and after `stop`; a restart changes it."""
        return self._process.pid if self._process else None

    @property
    def log_file(self) -> Path:
        """What the server says."""
        return self.data_dir / "valkey.log"

    @property
    def _socket(self) -> Path:
        return (self.data_dir if self._fits else self._detour.readlink()) / SOCKET

    @property
    def _fits(self) -> bool:
        return len(os.fsencode(self.data_dir / SOCKET)) < SOCKET_PATH_LIMIT

    @property
    def _detour(self) -> Path:
        """A link to the directory of the socket, if the path of the data directory is too long for one."""
        return self.data_dir / "socket"

    def start(self) -> str:
        """Starts the server, waits until its data are loaded, and returns its address.

        A damaged end of the append-only file is cut off, with a copy kept and a warning in the log.

        Raises:
            ConfigurationError: the directory is in use or cannot be written, nothing is bundled for this platform, or
                the server does not start.
            RuntimeError: it was started already, or this is not the main thread: the kernel ends the server with
                the thread that started it.
        """
        if self._process:
            raise RuntimeError("it was started already")
        found = binaries.find()
        try:
            self._claim_directory()
            self._launch(found)
            if not self._loaded():
                self._mend(found)
        except BaseException:
            self.stop()
            raise
        return self.address

    def stop(self, timeout: float = 10.0) -> None:
        """Stops the server, after `timeout` seconds by force. End `watch` first. Does nothing if it does not run."""
        process, self._process = self._process, None
        if process:
            process.terminate()
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._lock is not None:
            if self._detour.is_symlink():
                shutil.rmtree(self._detour.readlink(), ignore_errors=True)
                self._detour.unlink()
            os.close(self._lock)
            self._lock = None

    def check(self, timeout: float = 1.0) -> bool:
        """Whether the server is alive: answers within `timeout` seconds, if only that it loads. From any thread."""
        return self._ping(timeout) is not None

    async def watch(self) -> None:
        """Starts the server again whenever it died or hangs, until it is cancelled. Only from the main thread.

        A death is noticed within a tenth of a second, a hung server after two PINGs in a row went unanswered. What was
        acknowledged before is there again after it.

        Raises:
            ConfigurationError: it exited three times within seconds; with the end of its log.
        """
        found = binaries.find()
        exits = 0
        while True:
            reason = await self._until_down()
            if time.monotonic() - self._started > STEADY:
                exits = 0
            exits += 1
            if exits == QUICK_EXITS:
                raise ConfigurationError(f"the embedded Valkey {reason}, {exits} times in a row; {self._last_words()}")
            logger.warning("the embedded Valkey %s; starting it again", reason)
            self._kill()
            await asyncio.sleep(0.5 * (exits - 1))
            self._launch(found)
            await asyncio.to_thread(self._loaded)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _claim_directory(self) -> None:
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = lock.hold(self.data_dir)
            self.log_file.touch(mode=0o600)
            self._detour.unlink(missing_ok=True)
            if not self._fits:
                self._detour.symlink_to(tempfile.mkdtemp(prefix="unbroken-"))
                logger.warning("a socket's path must be short: the embedded Valkey listens on %s", self._socket)
        except OSError as error:
            raise ConfigurationError(
                f"the data directory {self.data_dir} cannot be used ({error.strerror}); "
                "set UNBROKEN_DATA_DIR to one that can be written"
            ) from None

    def _launch(self, found: binaries.Binaries) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("the embedded Valkey can only be started from the main thread")
        assert self._lock is not None
        server = command(found, {"dir": self.data_dir, "unixsocket": self._socket})
        launcher = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid())]
        fresh = self.log_file.stat().st_size > LOG_LIMIT
        with self.log_file.open("wb" if fresh else "ab") as log:
            self._log_start = log.tell()
            self._started = time.monotonic()
            self._process = subprocess.Popen(  # noqa: S603 (our own binary and settings)
                [*launcher, *server, *self._extra],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[self._lock],
                umask=0o077,
                env={"GLIBC_TUNABLES": _TUNABLES, **os.environ},
            )

    def _loaded(self) -> bool:
        """Waits until the server has its data; False if it exited instead, or says nothing for too long."""
        process = self._process
        silent_since = time.monotonic()
        while process and process.poll() is None and time.monotonic() - silent_since < LOADING_SILENCE:
            answer = self._ping(1.0)
            if answer and not answer.startswith(b"-LOADING"):
                return True  # or it wants a login first, and then nobody learns more without one
            if answer:
                silent_since = time.monotonic()
            time.sleep(0.005)
        return False

    def _mend(self, found: binaries.Binaries) -> None:
        """Repairs the data of a server that did not start, and starts it again."""
        self._kill()
        try:
            done = repair(self.data_dir, self._log_text(), found.server)
        except OSError as error:
            raise ConfigurationError(
                f"the data in {self.data_dir} are damaged and cannot be copied for repair ({error.strerror}); make room"
            ) from None
        if done:
            logger.warning(
                "the end of %s was damaged: cut %d bytes off, kept %d, and saved the damaged file as %s",
                done.file.name,
                done.cut,
                done.kept,
                done.backup,
            )
            self._launch(found)
            if self._loaded():
                return
        raise ConfigurationError(f"the embedded Valkey does not start in {self.data_dir}; {self._last_words()}")

    def _kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def _ping(self, timeout: float) -> bytes | None:
        """What the server answers, be it an error; None if it does not."""
        with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
            connection.settimeout(timeout)
            connection.connect(str(self._socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(256) or None
        return None

    async def _until_down(self) -> str:
        """Returns when the server has exited or hangs, with what happened."""
        assert self._process
        missed = 0
        while missed < 2:
            for _ in range(POLLS_PER_PING):
                await asyncio.sleep(POLL_INTERVAL)
                code = self._process.poll()
                if code is not None:
                    return f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
            missed = 0 if await asyncio.to_thread(self.check, self._patience) else missed + 1
        return "does not answer"

    def _log_text(self) -> str:
        with self.log_file.open("rb") as log:
            log.seek(max(self._log_start, log.seek(0, os.SEEK_END) - 16_384))
            return log.read().decode(errors="replace")

    def _last_words(self) -> str:
        if shutil.disk_usage(self.data_dir).free < SCARCE:
            return f"the disk of {self.data_dir} is full; make room"
        lines = self._log_text().splitlines()[-5:]
        return "\n  ".join([f"the end of {self.log_file}:", *lines])
