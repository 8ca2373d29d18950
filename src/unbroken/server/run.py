"""Starts the server: uvicorn with uvloop, a log without secrets, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from unbroken import descriptors
from unbroken.config import Settings
from unbroken.server.app import create_app, frame_bytes
from unbroken.server.bounds import Bounds
from unbroken.server.push import PushProtocol
from unbroken.server.service import Service

LAST_STEPS = 0.5
"""Seconds of the grace time that are kept for requests under way, after everyone was asked to leave."""

_QUERY = re.compile(r"\?\S*")


class WithoutQueries(logging.Filter):
    """Cuts the query from every address in a log line: `?token=` is a secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every record pass, with its strings cut."""
        if isinstance(record.args, tuple):
            record.args = tuple(_QUERY.sub("", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True


def logging_config(level: str) -> dict[str, Any]:
    """How a server logs. uvicorn itself stays at info: at debug it writes down whole handshakes."""
    own = level.upper()
    others = "INFO" if own == "DEBUG" else own
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"without_queries": {"()": WithoutQueries}},
        "formatters": {
            "lines": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
            "access": {
                "()": "uvicorn.logging.AccessFormatter",
                "fmt": '%(asctime)s %(levelname)s %(name)s %(client_addr)s "%(request_line)s" %(status_code)s',
                "use_colors": False,
            },
        },
        "handlers": {
            "lines": {"class": "logging.StreamHandler", "formatter": "lines"},
            "access": {"class": "logging.StreamHandler", "formatter": "access"},
        },
        "loggers": {
            "unbroken": {"handlers": ["lines"], "level": own, "propagate": False},
            "uvicorn": {"handlers": ["lines"], "level": others, "propagate": False},
            "uvicorn.error": {"level": others, "filters": ["without_queries"]},
            "uvicorn.access": {
                "handlers": ["access"],
                "level": others,
                "propagate": False,
                "filters": ["without_queries"],
            },
        },
    }


class Server(uvicorn.Server):
    """uvicorn's server, which lets its clients go before it stops, and cuts off those that do not read.

    On SIGTERM or SIGINT it stops being ready, asks every lasting connection to leave, lets requests finish, and ends
    within the grace time; a second signal ends it at once.

    Args:
        app: the application of `create_app`.
        settings: where to listen, how long to wait.
        bounds: how long a closed connection may linger, and a new one be silent.
        log: a configuration of logging, or None to leave it as it is.
    """

    def __init__(self, app: FastAPI, settings: Settings, bounds: Bounds, log: dict[str, Any] | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                loop="uvloop",
                lifespan="off",
                ws=PushProtocol,
                ws_max_size=frame_bytes(settings),
                ws_per_message_deflate=False,
                # The ping waits behind what a slow client has yet to read: `stall` decides about those.
                ws_ping_timeout=bounds.stall + settings.redis_timeout,
                log_config=log,
                server_header=False,
            )
        )
        self._app = app
        self._grace = settings.drain_grace
        self._bounds = bounds
        self._life = AsyncExitStack()
        self._useless: dict[object, float] = {}

    @property
    def port(self) -> int:
        """The port that it listens on, once it has started."""
        listener: socket.socket = self.servers[0].sockets[0]
        return int(listener.getsockname()[1])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts the application, then listens. What the application cannot do without is raised as it is."""
        await self._life.enter_async_context(self._app.router.lifespan_context(self._app))
        try:
            await super().startup(sockets)
        except BaseException:
            await self._life.aclose()
            raise

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second; returns whether it is time to stop."""
        if counter % 10 == 0:
            self._cut_off()
        return await super().on_tick(counter)

    def _cut_off(self) -> None:
        """Aborts connections that are of no use: closed ones whose peer is silent, and those that never ask."""
        now = time.monotonic()
        useless: dict[object, float] = {}
        for connection in self.server_state.connections:
            if connection.transport.is_closing() or getattr(connection, "close_sent", False):
                patience = self._bounds.linger
            elif getattr(connection, "cycle", connection) is None:  # HTTP without a first request
                patience = self._bounds.silence
            else:
                continue
            useless[connection] = self._useless.get(connection, now)
            if now - useless[connection] > patience:
                connection.transport.abort()
        self._useless = useless

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Lets everyone go, then stops."""
        end = time.monotonic() + self._grace
        service: Service = self._app.state.service
        drain = asyncio.create_task(service.clients.drain(max(0.0, self._grace - LAST_STEPS)))
        while not (drain.done() or self.force_exit):
            await asyncio.wait([drain], timeout=0.1)
        drain.cancel()
        self.config.timeout_graceful_shutdown = max(LAST_STEPS, end - time.monotonic())  # type: ignore[assignment]
        await super().shutdown(sockets)
        await self._life.aclose()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stops on SIGTERM and SIGINT, and then returns: a drained server ended well, and was not killed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Stops; at the second time at once."""
        self.force_exit = self.should_exit
        self.should_exit = True


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then drains and returns.

    Raises:
        ConfigurationError: the settings cannot work.
    """
    bounds = Bounds()
    server = Server(create_app(settings, bounds), settings, bounds, logging_config(settings.log_level))
    descriptors.raise_limit(logging.getLogger("unbroken.server"))
    # Nearly all that was loaded until now stays for ever: the garbage collector need not look at it again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    server.run()
