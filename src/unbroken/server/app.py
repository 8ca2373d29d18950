"""The ASGI application: routes, middleware, and what lives as long as they do."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from unbroken import __version__
from unbroken.backend import Backend
from unbroken.config import Settings
from unbroken.errors import Refused, Unavailable
from unbroken.profiles import profiles
from unbroken.server import bots, changes, health, problems, sessions, tutorial
from unbroken.server.auth import Gate
from unbroken.server.bounds import Bounds
from unbroken.server.clients import Clients
from unbroken.server.guard import Guard
from unbroken.server.hub import Hub
from unbroken.server.openapi import Application
from unbroken.server.page import mount_page
from unbroken.server.service import Service
from unbroken.server.websocket import chat

log = logging.getLogger("unbroken.server")

CHAT = "/chat"

ESCAPED = 6
"""Most bytes that JSON needs for one byte of text: a backslash, a u and four digits."""

ENVELOPE = 4096
"""Bytes of a command or a body beside its text."""


def frame_bytes(settings: Settings) -> int:
    """The longest frame or body that can hold the longest message."""
    return settings.message_bytes * ESCAPED + ENVELOPE


class _Front(Application):
    """Lets sockets in by a door of their own.

    They live for hours, and all layers of a framework would stay on the stack of each: 12 KiB for nothing.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request or one socket."""
        if scope["type"] == "websocket" and scope["path"] == CHAT:
            scope["app"] = self
            await chat(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings, bounds: Bounds = Bounds()) -> FastAPI:  # noqa: B008 - immutable
    """Makes the application. Redis is opened when it starts, and closed when it stops.

    `app.state.backend` and `app.state.service` are there while it runs.

    Raises:
        ConfigurationError: the settings cannot work; also raised from the application's start.
    """
    gate = Gate(settings, bounds.addresses)
    known = profiles(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        backend = await Backend.open(settings)
        try:
            hub = Hub(backend, bounds)
            await hub.start()
            app.state.backend = backend
            if settings.bots:
                log.info("bots: %s", ", ".join(known))
            app.state.service = Service(settings, bounds, backend, hub, Clients(bounds.reconnect), gate, known)
            yield
            await hub.close()
        finally:
            await backend.close()

    app = _Front(
        title="Unbroken",
        version=__version__,
        summary="A self-hosted, real-time AI chat backend whose answers survive reloads, deploys and crashes.",
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
        exception_handlers={
            Refused: problems.refused,
            Unavailable: problems.refused,
            RequestValidationError: problems.invalid,
        },
    )
    app.include_router(tutorial.router)
    app.include_router(bots.router)
    app.include_router(sessions.router)
    app.include_router(changes.router)
    app.include_router(health.router)
    mount_page(app, settings.allowed_origins)
    app.add_api_websocket_route(CHAT, chat)  # below a prefix
    app.add_middleware(Guard, body_bytes=frame_bytes(settings))
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"),
            expose_headers=("Retry-After",),
        )
    return app
