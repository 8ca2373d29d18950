"""What the routes of one process share."""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import HTTPConnection

from unbroken.backend import Backend
from unbroken.config import Settings
from unbroken.errors import NotAuthenticated
from unbroken.protocol import Limits, SessionInfo, SessionReady
from unbroken.server.auth import Gate, token_of
from unbroken.server.bounds import Bounds
from unbroken.server.clients import Clients
from unbroken.server.hub import Hub
from unbroken.store import Opened
from unbroken.types import Policy


class Service(NamedTuple):
    """Made when the application starts, and found by every route through its request."""

    settings: Settings
    bounds: Bounds
    backend: Backend
    hub: Hub
    clients: Clients
    gate: Gate
    profiles: dict[str, Settings]

    @classmethod
    def of(cls, connection: HTTPConnection) -> Service:
        """The service that a request or a socket belongs to."""
        service = connection.app.state.service
        assert isinstance(service, cls)
        return service

    async def opened(self, connection: HTTPConnection, session: str | None = None) -> Opened:
        """Opens the session whose token a request brings.

        Args:
            connection: the request, or the handshake.
            session: the id that the request names; the token has to belong to it.

        Raises:
            NotAuthenticated: no token, a wrong one, or one of another session.
            Unavailable: Redis does not answer.
        """
        token = token_of(connection)
        if token is None:
            raise NotAuthenticated("this needs the session's token, in `Authorization: Bearer` or in `?token=`")
        opened = await self.backend.store.open(token)
        if session is not None and opened.id != session:
            raise NotAuthenticated("the token belongs to another session")
        return opened

    def ready(self, opened: Opened) -> SessionReady:
        """The first event of every connection."""
        settings = self.settings
        return SessionReady(
            SessionInfo(opened.id, opened.name, opened.session_start, opened.bot),
            Limits(settings.message_bytes, settings.inbox_limit, settings.session_ttl),
            settings.ack == "replica",
        )

    def policy(self, opened: Opened) -> Policy:
        """What a message of this session does during a reply, unless it says so itself."""
        return self.profiles.get(opened.bot, self.settings).policy
