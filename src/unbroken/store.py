"""Sessions in Redis JSON: creating one, opening one with its token, reading it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any, NamedTuple

import msgspec

from unbroken.errors import NotAuthenticated, SessionGone
from unbroken.keys import Keys
from unbroken.redis.router import Router
from unbroken.scripts import Code, Scripts
from unbroken.types import Message, Session


class Opened(NamedTuple):
    """A session whose token was right."""

    id: str
    name: str
    session_start: str


class Store:
    """The session documents of one deployment.

    Every method raises `Unavailable` if Redis cannot be reached.
    """

    def __init__(self, router: Router, keys: Keys, scripts: Scripts) -> None:
        self._router = router
        self._keys = keys
        self._scripts = scripts

    async def create(self, name: str) -> tuple[str, Session]:
        """Creates a session. Returns its token and the session.

        The token is `<session id>.<secret>` with 192 bits of secret; only its SHA-256 digest is stored.
        """
        while True:
            session = secrets.token_urlsafe(12)
            token = f"{session}.{secrets.token_urlsafe(24)}"
            start = await self._scripts.create(self._keys.session(session), session, name, _digest(token))
            if start is not None:
                return token, Session(id=session, name=name, session_start=start)

    async def open(self, token: str) -> Opened:
        """Opens a session with its token.

        Raises:
            NotAuthenticated: the token is wrong, or its session expired; which of both is not said.
        """
        session = token.partition(".")[0]
        if not session or not token.isascii() or len(token) > 200:
            raise NotAuthenticated("Session not authenticated or expired token")
        raw = await self._get(session, "$.id", "$.name", "$.session_start", "$.token_digest")
        if raw is None:
            raise NotAuthenticated("Session not authenticated or expired token")
        found: dict[str, list[str]] = msgspec.json.decode(raw)
        if not hmac.compare_digest(found["$.token_digest"][0], _digest(token)):
            raise NotAuthenticated("Session not authenticated or expired token")
        return Opened(found["$.id"][0], found["$.name"][0], found["$.session_start"][0])

    async def read(self, session: str) -> Session:
        """Reads a session with its whole history.

        Raises:
            SessionGone: it expired or was deleted.
        """
        raw = await self._get(session, "$")
        if raw is None:
            raise SessionGone()
        return msgspec.json.decode(raw, type=list[Session])[0]

    async def touch(self, session: str) -> None:
        """Renews a session's time to live, because somebody is there.

        Raises:
            SessionGone: it expired or was deleted.
        """
        if await self._scripts.touch(self._keys.session(session), session) is Code.GONE:
            raise SessionGone()

    async def message(self, session: str, turn: int) -> Message | None:
        """The user's message of a turn, or None."""
        raw = await self._get(session, f'$.messages[?(@.turn=={int(turn)} && @.role=="user")]')
        found = msgspec.json.decode(raw, type=list[Message]) if raw else []
        return found[0] if found else None

    async def state(self, session: str) -> dict[str, str]:
        """The session's state hash, for inspection; empty if it is gone."""
        keys = self._keys.session(session)
        raw = await self._router.command(keys.tag, "HGETALL", keys.state)
        pairs = raw.items() if isinstance(raw, dict) else zip(raw[::2], raw[1::2], strict=True)
        return {field.decode(): value.decode() for field, value in pairs}

    async def _get(self, session: str, *paths: str) -> Any:
        keys = self._keys.session(session)
        return await self._router.command(keys.tag, "JSON.GET", keys.doc, *paths)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
