"""Runs llama.cpp's server as a child of the worker, one for each model, and starts it again when it died."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import secrets
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import msgspec

from unbroken.errors import ConfigurationError
from unbroken.models.local.file import ModelFile
from unbroken.models.local.server import Order, Served

logger = logging.getLogger("unbroken.local")

_DYING = 0.5
"""Seconds from the break of a connection to the end of the process behind it."""
_REASON = re.compile(r"error loading model: (?:llama_model_loader: )?(.+)")
_STAMP = re.compile(r"^[\d.]+ ([A-Z]) (.*)")


class Runtime:
    """The server of one model. Bots that want the same one share it.

    Args:
        model: what it serves.
        context: tokens of each conversation with its answer; more than the model was trained for come to nothing.
        squeeze: whether they may be fewer where memory is short.
        replies: at once; more of them wait for their turn, in order.

    Attributes:
        url: base URL of the server, with its /v1; the same after a restart. Empty before the start.
        key: what requests have to carry, so that no other program of this machine uses the model.
        context: tokens of each conversation, as they turned out.
    """

    def __init__(self, model: ModelFile, context: int, replies: int, *, squeeze: bool) -> None:
        self.url = ""
        self.key = secrets.token_urlsafe(24)
        self.context = min(context, model.context)
        self._model = model
        self._order = Order(
            str(model.path), model.size, model.token_bytes, self.context, squeeze, replies, key=self.key
        )
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._users = 0
        self._starting = asyncio.Lock()
        self._slots = asyncio.Semaphore(replies)
        self._said: deque[str] = deque(maxlen=50)

    @property
    def pid(self) -> int | None:
        """The process that runs the model."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Loads the model, unless another bot did. Only from the main thread: the child ends with its thread.

        Raises:
            ConfigurationError: llama.cpp cannot run it; with its reason.
        """
        await self._ensure()
        self._users += 1

    async def close(self) -> None:
        """Ends the process, when its last user says so. What it still generates is lost."""
        self._users -= 1
        if not self._users:
            await self._end()

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """A place for one reply, on a server that runs: if it died, it is started again first.

        Raises:
            ConfigurationError: it does not start any more.
        """
        async with self._slots:
            await self._ensure()
            yield

    async def died(self) -> bool:
        """Whether the process is gone; a little patience, since its connections break before its end is known."""
        if self._process is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DYING):
                    await self._process.wait()
        return not self._alive

    @property
    def _alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def _ensure(self) -> None:
        async with self._starting:
            if self._alive:
                return
            if self._process is not None:
                logger.warning("the model %s is loaded again: its process %s", self._model.path.name, self._how())
            try:
                await self._launch()
            except BaseException:
                await self._end()
                raise

    async def _launch(self) -> None:
        self._said.clear()
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "unbroken.models.local.server", str(os.getpid())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is for the worker alone, which lets its replies finish
        )
        assert process.stdin
        assert process.stdout
        assert process.stderr
        self._reading = asyncio.create_task(self._read(process.stderr))
        process.stdin.write(msgspec.json.encode(self._order) + b"\n")
        line = await process.stdout.readline()
        if not line:
            await asyncio.wait([self._reading])
            await process.wait()
            killed = "; it was probably short of memory" if process.returncode == -signal.SIGKILL else ""
            raise ConfigurationError(f"{self._model.path}: llama.cpp {self._how()} while it loaded the model{killed}")
        served = msgspec.json.decode(line, type=Served)
        if served.error is not None:
            await asyncio.wait([self._reading])
            raise ConfigurationError(f"{self._model.path}: {served.error or self._reason()}")
        self.url, self.context = f"{served.address}/v1", served.context
        self._order.port = urlsplit(served.address).port or 0
        logger.info(
            "the model %s is loaded: %d replies at once, %d tokens each",
            self._model.path.name,
            served.replies,
            served.context,
        )

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or self._reading is None:
            return
        if process.returncode is None:
            process.kill()
        assert process.stdout
        await asyncio.gather(process.wait(), process.stdout.read(), self._reading)  # to the ends of its pipes

    async def _read(self, log: asyncio.StreamReader) -> None:
        """Puts what llama.cpp says into our log."""
        async for raw in log:
            line = raw.decode(errors="replace").rstrip()
            stamp = _STAMP.match(line)
            self._said.append(stamp[2] if stamp else line)
            logger.debug("llama.cpp: %s", self._said[-1])

    def _how(self) -> str:
        code = self._process.returncode if self._process else None
        if code is None or code >= 0:
            return f"ended with code {code}"
        return f"was killed by {signal.Signals(-code).name}"

    def _reason(self) -> str:
        """Why llama.cpp could not load the model, in its own words."""
        for line in self._said:
            if match := _REASON.search(line):
                return f"llama.cpp cannot load it: {match[1]}"
        return f"llama.cpp cannot load it: {self._said[-1] if self._said else 'it does not say why'}"


_running: WeakValueDictionary[tuple[ModelFile, int, int, bool], Runtime] = WeakValueDictionary()


def shared(model: ModelFile, context: int, replies: int, *, squeeze: bool) -> Runtime:
    """The runtime of this model in this process; bots that want the same are given the same one."""
    wanted = (model, context, replies, squeeze)
    runtime = _running.get(wanted)
    if runtime is None:
        runtime = _running[wanted] = Runtime(model, context, replies, squeeze=squeeze)
    return runtime
