"""Tokens, origins, and who may create sessions."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from starlette.requests import HTTPConnection

from tests.conftest import make_settings
from unbroken.errors import ConfigurationError, NotAuthenticated, RateLimited
from unbroken.server.auth import Gate, origin_allowed, token_of

SECRET = "a secret of thirty-two bytes, or more"


def connection(query: str = "", *subprotocols: str, **headers: str) -> HTTPConnection:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection(
        {
            "type": "websocket",
            "path": "/chat",
            "query_string": query.encode(),
            "headers": raw,
            "subprotocols": subprotocols,
            "client": ("10.0.0.1", 1),
        }
    )


def gate(**overrides: Any) -> Gate:
    return Gate(make_settings("unix:///none", **overrides), 10)


@pytest.mark.parametrize(
    ("given", "token"),
    [
        (connection(), None),
        (connection("token="), None),
        (connection("token=q.1"), "q.1"),
        (connection("token=q.1", authorization="Bearer h.1"), "h.1"),
        (connection("token=q.1", authorization="bearer  h.1 "), "h.1"),
        (connection("token=q.1", authorization="Basic eA=="), "q.1"),
        (connection("token=q.1", "unbroken.v1", "unbroken.token.p.1"), "p.1"),
        (connection("", "unbroken.v1"), None),
    ],
)
def test_where_the_token_is_found(given: HTTPConnection, token: str | None) -> None:
    assert token_of(given) == token


@pytest.mark.parametrize(
    ("origin", "host", "allowed", "expected"),
    [
        (None, "chat.example", (), True),
        ("https://chat.example", "chat.example", (), True),
        ("http://chat.example:8000", "chat.example:8000", (), True),
        ("https://chat.example", "chat.example:443", (), True),
        ("https://chat.example:443", "chat.example", (), True),
        ("http://chat.example", "chat.example:443", (), False),
        ("https://CHAT.example", "chat.example", (), True),
        ("https://evil.example", "chat.example", (), False),
        ("https://chat.example.evil.example", "chat.example", (), False),
        ("https://chat.example", "chat.example:8000", (), False),
        ("https://app.example", "chat.example", ("https://app.example/",), True),
        ("http://app.example", "chat.example", ("https://app.example",), False),
        ("https://evil.example", "chat.example", ("*",), True),
        ("null", "chat.example", (), False),
        ("", "", (), False),
    ],
)
def test_which_pages_may_connect(origin: str | None, host: str, allowed: tuple[str, ...], expected: bool) -> None:
    headers = {"host": host} if origin is None else {"host": host, "origin": origin}
    assert origin_allowed(connection("", **headers), allowed) is expected


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode({"exp": time.time() + 3600, **claims}, secret, algorithm)


def test_everybody_may_create_sessions_if_nothing_is_set() -> None:
    gate().admit(connection())


@pytest.mark.parametrize(
    ("overrides", "credentials", "allowed"),
    [
        ({"api_key": "k"}, None, False),
        ({"api_key": "k"}, "x", False),
        ({"api_key": "k"}, "ü", False),
        ({"api_key": "k"}, "k", True),
        ({"jwt_secret": SECRET}, None, False),
        ({"jwt_secret": SECRET}, token(), True),
        ({"jwt_secret": SECRET}, token(aud="somebody"), True),
        ({"jwt_secret": SECRET}, token("another secret of thirty-two bytes"), False),
        ({"jwt_secret": SECRET}, token(exp=time.time() - 60), False),
        ({"jwt_secret": SECRET}, token(exp=None), False),
        ({"jwt_secret": SECRET}, token(nbf=time.time() + 3600), False),
        ({"jwt_secret": SECRET}, jwt.encode({"exp": time.time() + 3600}, "", "none"), False),
        ({"jwt_secret": SECRET + SECRET}, token(SECRET + SECRET, "HS512"), False),
        ({"api_key": "k", "jwt_secret": SECRET}, "k", True),
        ({"api_key": "k", "jwt_secret": SECRET}, token(), True),
        ({"api_key": "k", "jwt_secret": SECRET}, "x", False),
    ],
    # a signature differs from run to run, and so would the test's name
    ids=lambda value: "jwt" if isinstance(value, str) and value.count(".") == 2 else None,
)
def test_who_may_create_sessions(overrides: dict[str, str], credentials: str | None, allowed: bool) -> None:
    headers = {} if credentials is None else {"authorization": f"Bearer {credentials}"}
    if allowed:
        gate(**overrides).admit(connection("", **headers))
    else:
        with pytest.raises(NotAuthenticated):
            gate(**overrides).admit(connection("", **headers))


def test_a_secret_that_is_too_short_is_a_mistake_of_the_deployment() -> None:
    with pytest.raises(ConfigurationError, match="UNBROKEN_JWT_SECRET"):
        gate(jwt_secret="short")


def test_guessing_the_key_is_limited_too() -> None:
    limited = gate(api_key="k", sessions_per_minute=3)
    for _ in range(3):
        with pytest.raises(NotAuthenticated):
            limited.admit(connection(authorization="Bearer x"))
    with pytest.raises(RateLimited) as refused:
        limited.admit(connection(authorization="Bearer k"))
    assert refused.value.retry_after == pytest.approx(20, abs=1)
