"""Who may do what: a session's token, the right to create sessions, and which pages may open sockets."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

import jwt
from jwt.types import Options
from starlette.requests import HTTPConnection

from unbroken.config import Settings
from unbroken.errors import ConfigurationError, NotAuthenticated, RateLimited
from unbroken.protocol import TOKEN_SUBPROTOCOL
from unbroken.server.rate import Rate

SECRET_BYTES = 32
"""Shortest secret that HS256 is safe with (RFC 7518, 3.2)."""


def token_of(connection: HTTPConnection) -> str | None:
    """The session token of a request or a handshake.

    It is looked for in `Authorization: Bearer`, among the offered subprotocols, then in `?token=`.
    """
    bearer = _bearer(connection)
    if bearer:
        return bearer
    for name in connection.scope.get("subprotocols", ()):
        if name.startswith(TOKEN_SUBPROTOCOL):
            return str(name).removeprefix(TOKEN_SUBPROTOCOL)
    return connection.query_params.get("token") or None


def _bearer(connection: HTTPConnection) -> str:
    scheme, _, credentials = connection.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""


def origin_allowed(connection: HTTPConnection, allowed: tuple[str, ...]) -> bool:
    """Whether the page that opens this socket may.

    Browsers let any page open a socket anywhere, and say in `Origin` which page it is; other clients send none.
    """
    origin = connection.headers.get("origin")
    if origin is None or "*" in allowed:
        return True
    origin = origin.lower()
    if origin in (other.lower().rstrip("/") for other in allowed):
        return True
    page = urlsplit(origin)
    # Behind a proxy that ends TLS the schemes differ: the host has to be the same, with the default port or without.
    port = {"http": ":80", "https": ":443"}.get(page.scheme, "")
    host = connection.headers.get("host", "").lower()
    return bool(page.netloc) and page.netloc.removesuffix(port) == host.removesuffix(port)


class Gate:
    """Who may create sessions, and how fast.

    Args:
        settings: an API key, a secret of JSON web tokens, both (either is enough) or neither (everybody may).
        addresses: most client addresses whose rate is remembered.

    Raises:
        ConfigurationError: the secret is too short to be one.
    """

    def __init__(self, settings: Settings, addresses: int) -> None:
        self._key = settings.api_key.get_secret_value() if settings.api_key else None
        self._secret = settings.jwt_secret.get_secret_value() if settings.jwt_secret else None
        self._rate = Rate(settings.sessions_per_minute, addresses)
        if self._secret is not None and len(self._secret.encode()) < SECRET_BYTES:
            raise ConfigurationError(f"UNBROKEN_JWT_SECRET is too short for HS256; it needs {SECRET_BYTES} bytes")

    def admit(self, connection: HTTPConnection) -> None:
        """Lets a request pass that creates a session.

        Raises:
            NotAuthenticated: it brings neither the API key nor a valid JSON web token.
            RateLimited: its address created too many.
        """
        wait = self._rate.take(connection.client.host if connection.client else "")
        if wait:
            raise RateLimited("too many new sessions from this address", retry_after=wait)
        if not self._trusts(_bearer(connection)):
            raise NotAuthenticated("creating a session here needs an API key or a token in `Authorization: Bearer`")

    def _trusts(self, credentials: str) -> bool:
        if self._key is None and self._secret is None:
            return True
        if self._key is not None and hmac.compare_digest(credentials.encode(), self._key.encode()):
            return True
        if self._secret is None:
            return False
        demands: Options = {"require": ["exp"], "verify_aud": False}
        try:
            jwt.decode(credentials, self._secret, algorithms=["HS256"], options=demands)
        except jwt.InvalidTokenError:
            return False
        return True
