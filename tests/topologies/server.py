"""One process of the bundled Valkey, to be killed, frozen, cut off and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

import redis.asyncio
from redis.exceptions import RedisError

from tests.topologies.door import Door
from tests.topologies.ports import free_port
from unbroken.embedded import binaries, launch
from unbroken.embedded.server import command

PATIENCE = 30.0
"""Seconds that anything here may take, on a machine that has other things to do."""

HERE = "127.0.0.1"
"""Where the test's own connections, and those of the product, come from."""

_numbers = count(2)


async def eventually(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Returns when a condition holds; a server that does not answer does not fulfil it."""
    failure: Exception | None = None
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    if await condition():
                        return
                except (RedisError, OSError) as error:
                    failure = error
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what} did not happen within {PATIENCE:g} s ({failure})") from None


class Server:
    """A server on a port of its own, with its data in a folder of its own, which survive a kill.

    Args:
        folder: of the deployment.
        name: of the server, and of its folder in there.
        door: whether others reach it through a door that can be shut. Then its own connections come from an address of
            its own, `source`, and the port that it announces is the door's.
        options: of the server; they win over those of the embedded one.
    """

    def __init__(self, folder: Path, name: str, *, door: bool = False, **options: str | int) -> None:
        self.name = name
        self.folder = folder / name
        self.folder.mkdir()
        self._own_port = free_port()
        self.door = Door(self._own_port) if door else None
        self.source = f"127.0.1.{next(_numbers) % 250 + 2}" if door else HERE
        self.options = {name.replace("_", "-"): value for name, value in options.items()}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Where clients and other servers reach it."""
        return self.door.port if self.door else self._own_port

    @property
    def address(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Starts it, with the data that it had, and returns when it has read them."""
        assert not self.running
        if self.door and self._process is None:
            await self.door.open()
        launcher = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid())]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*launcher, *self._command()], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        await eventually(self._answers, f"the start of {self.name}")

    def _command(self) -> list[str]:
        own = {"dir": self.folder, "port": self._own_port, "bind": HERE, "repl-diskless-sync-delay": 0}
        if self.door:
            own |= {"bind-source-addr": self.source, "replica-announce-port": self.door.port}
        return command(binaries.find(), own | self.options)

    async def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        return bool(await self.ask("PING"))

    async def ask(self, *words: str | int | bytes) -> Any:
        """What it answers to a command of the test, which no door can shut out."""
        password = str(self.options.get("requirepass", "")) or None
        async with redis.asyncio.Redis(
            host=HERE, port=self._own_port, password=password, protocol=2, socket_timeout=5, decode_responses=True
        ) as client:
            return await client.execute_command(*words)  # type: ignore[no-untyped-call]

    async def info(self, section: str) -> dict[str, Any]:
        """One section of INFO."""
        found: dict[str, Any] = await self.ask("INFO", section)
        return found

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE)

    async def restart(self) -> None:
        """Kills it, if it runs, and starts it again."""
        self.kill()
        await self.start()

    def freeze(self) -> None:
        """SIGSTOP: its connections stay, and nothing goes through."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def log(self) -> str:
        """The end of what it said."""
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    async def close(self) -> None:
        self.kill()
        if self.door:
            await self.door.close()
