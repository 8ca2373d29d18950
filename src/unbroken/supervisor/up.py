"""`unbroken up`: starts everything, keeps it running, and ends it in an order that loses nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from unbroken.config import Settings
from unbroken.embedded import Embedded
from unbroken.models.base import describe
from unbroken.models.local.bot import is_local, prepare
from unbroken.profiles import profiles
from unbroken.supervisor.changes import changes, folders_of
from unbroken.supervisor.child import Child
from unbroken.supervisor.port import free_port
from unbroken.supervisor.voice import Answering, Facts, Voice

QUICK_GRACE = 0.2
"""Seconds that a worker may take to finish when its code changed: unfinished replies are handed to the next one."""


def up(settings: Settings, voice: Voice, *, reload: bool = False) -> bool:
    """Runs everything until SIGINT or SIGTERM. Only from the main thread.

    Returns whether it ended in order: False if a second signal asked for the end at once.

    Raises:
        ConfigurationError: it cannot work like this, or a part failed to start; all parts are stopped then.
    """
    known = profiles(settings)
    bots = [Answering(name, *describe(profile)) for name, profile in known.items()]
    watched = folders_of(profile.bot for profile in known.values()) if reload else []
    for profile in filter(is_local, known.values()):
        prepare(profile, voice.step)
    port = free_port(settings.host, settings.port)
    url = f"http://{_reachable(settings.host)}:{port}"
    address = settings.redis_address()
    sync = ("--appendfsync", "always") if settings.ack == "disk" else ()
    embedded = Embedded(settings.data_dir, extra_args=sync) if address is None else None
    store = f"{_short(settings.data_dir)} (embedded Valkey)" if address is None else _without_secret(address)
    if embedded:
        voice.step(f"starting Valkey on {_short(settings.data_dir)}")
        address = embedded.start()
    try:
        environment = _environment(settings, str(address), port)
        facts = Facts(url, bots, store, ", ".join(map(_short, watched)) or None)
        return asyncio.run(_Supervisor(settings, voice, environment, embedded, watched).run(facts))
    finally:
        if embedded:
            voice.step("stopping Valkey")
            embedded.stop()
        voice.done()


class _Supervisor:
    """The asynchronous part: the two children, the signals, the drain."""

    def __init__(
        self,
        settings: Settings,
        voice: Voice,
        environment: dict[str, str],
        embedded: Embedded | None,
        watched: list[Path],
    ) -> None:
        self._voice = voice
        self._embedded = embedded
        self._watched = watched
        self._port = int(environment["UNBROKEN_PORT"])
        self._host = _reachable(settings.host)
        grace = QUICK_GRACE if watched else settings.drain_grace
        # at info the server has a line for every request; here people want to read what is wrong
        level = settings.log_level if "log_level" in settings.model_fields_set else "warning"
        shown = getattr(logging, level.upper())
        server = environment | {"UNBROKEN_LOG_LEVEL": level}
        # the worker says at info that it is ready
        worker = environment | {
            "UNBROKEN_LOG_LEVEL": "debug" if level == "debug" else "info",
            "UNBROKEN_DRAIN_GRACE": str(grace),
        }
        self._server = Child("server", server, settings.drain_grace, voice, shown)
        self._worker = Child("worker", worker, grace, voice, shown, until_changed=bool(watched))
        self._stop = asyncio.Event()
        self._now = asyncio.Event()

    async def run(self, facts: Facts) -> bool:
        """Starts, serves, drains. Returns False if the drain was cut short."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._signalled)
        try:
            await self._unless(self._stop, self._serve(facts))
            return await self._unless(self._now, self._drain())
        finally:
            for child in (self._worker, self._server):
                child.signal(signal.SIGKILL)
                await child.stop()

    def _signalled(self) -> None:
        (self._now if self._stop.is_set() else self._stop).set()

    async def _unless(self, event: asyncio.Event, doing: Coroutine[Any, Any, None]) -> bool:
        """Does something until it is done or the event happens; returns whether it was done."""
        task = asyncio.create_task(doing)
        waiting = asyncio.create_task(event.wait())
        try:
            await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for other in (task, waiting):
                other.cancel()
            await asyncio.gather(task, waiting, return_exceptions=True)
        if task.cancelled():
            return False
        task.result()
        return True

    async def _serve(self, facts: Facts) -> None:
        self._voice.step("starting server and worker")
        await asyncio.gather(self._server.start(), self._worker.start())
        await self._started()
        self._voice.done()
        self._voice.ready(facts)
        parts = [self._server.keep(), self._worker.keep()]
        if self._embedded:
            parts.append(self._embedded.watch())
        if self._watched:
            parts.append(self._reload(self._watched))
        self._server.listen()
        self._worker.listen()
        await _together(*parts)

    async def _started(self) -> None:
        """Returns when the worker is ready and the server answers.

        Raises:
            ConfigurationError: one of the two ended instead.
        """
        answers = asyncio.create_task(self._answers())
        ends = [asyncio.create_task(child.failed()) for child in (self._worker, self._server)]
        tasks = [answers, *ends]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _answers(self) -> None:
        await self._worker.ready.wait()
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection(self._host, self._port)
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: unbroken\r\nConnection: close\r\n\r\n")
                status = await reader.readline()
                writer.close()
                if b" 200 " in status:
                    return
            await asyncio.sleep(0.05)

    async def _reload(self, folders: list[Path]) -> None:
        async for name in changes(folders):
            self._voice.news(f"{name} changed; starting the worker anew")
            self._worker.change()

    async def _drain(self) -> None:
        """The worker first: whoever waits for a reply still sees its end."""
        self._voice.step("finishing running replies (Ctrl-C again: stop at once; they continue at the next start)")
        await self._worker.stop()
        self._voice.step("closing connections (Ctrl-C again: stop at once)")
        await self._server.stop()


async def _together(*parts: Coroutine[Any, Any, None]) -> None:
    """Runs endless parts until one of them gives up, and raises what that one raised."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _environment(settings: Settings, address: str, port: int) -> dict[str, str]:
    """What the children read: this process' own environment, and what was decided here."""
    decided = {
        "REDIS_URL": address,
        "UNBROKEN_HOST": settings.host,
        "UNBROKEN_PORT": str(port),
        "UNBROKEN_BOT": settings.bot,
        "UNBROKEN_MODEL": settings.model,
        "PYTHONUNBUFFERED": "1",
    }
    return dict(os.environ) | {name: value for name, value in decided.items() if value is not None}


def _reachable(host: str) -> str:
    if host in ("0.0.0.0", "127.0.0.1", "::", "::1"):  # noqa: S104 - compared, not bound
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _without_secret(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _short(path: Path) -> str:
    """As people would write it."""
    path = path.absolute()
    for base, sign in ((Path.cwd(), "."), (Path.home(), "~")):
        if path == base or base in path.parents:
            return str(Path(sign, path.relative_to(base))) if path != base else sign
    return str(path)
