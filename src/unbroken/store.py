"""Sessions in Redis JSON: creating one, opening one with its token, reading it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any, NamedTuple
from unicodedata import category

import msgspec

from unbroken.errors import MessageRefused, NotAuthenticated, SessionGone
from unbroken.keys import Keys
from unbroken.redis.router import Router
from unbroken.scripts import Code, Scripts, refusal
from unbroken.types import REPLY, Feedback, Message, Session

NAME_LENGTH = 100
"""Characters that a session's name may have."""

_NO_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories: control characters, halves of characters, line and paragraph breaks."""


class Opened(NamedTuple):
    """A session whose token was right."""

    id: str
    name: str
    session_start: str
    bot: str = ""


class Store:
    """The session documents of one deployment.

    Every method raises `Unavailable` if Redis cannot be reached.
    """

    def __init__(self, router: Router, keys: Keys, scripts: Scripts) -> None:
        self._router = router
        self._keys = keys
        self._scripts = scripts

    async def create(self, name: str, bot: str = "") -> tuple[str, Session]:
        """Creates a session, for one of the deployment's bots or for the first. Returns its token and the session.

        The token is `<session id>.<secret>` with 192 bits of secret; only its SHA-256 digest is stored.

        Raises:
            MessageRefused: the name is empty, too long, or not text.
        """
        name = _name(name)
        while True:
            session = secrets.token_urlsafe(12)
            token = f"{session}.{secrets.token_urlsafe(24)}"
            start = await self._scripts.create(self._keys.session(session), session, name, _digest(token), bot)
            if start is not None:
                return token, Session(id=session, name=name, session_start=start, bot=bot)

    async def open(self, token: str) -> Opened:
        """Opens a session with its token.

        Raises:
            NotAuthenticated: the token is wrong, or its session expired; which of both is not said.
        """
        session = token.partition(".")[0]
        if not session or not token.isascii() or len(token) > 200:
            raise NotAuthenticated("Session not authenticated or expired token")
        raw = await self._get(session, "$.id", "$.name", "$.session_start", "$.bot", "$.token_digest")
        if raw is None:
            raise NotAuthenticated("Session not authenticated or expired token")
        found: dict[str, list[str]] = msgspec.json.decode(raw)
        if not hmac.compare_digest(found["$.token_digest"][0], _digest(token)):
            raise NotAuthenticated("Session not authenticated or expired token")
        bot = found["$.bot"]
        return Opened(found["$.id"][0], found["$.name"][0], found["$.session_start"][0], bot[0] if bot else "")

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

    async def rename(self, session: str, name: str) -> None:
        """Gives a session another name; its watchers are told.

        Raises:
            MessageRefused: the name is empty, too long, or not text.
            SessionGone: the session expired or was deleted.
        """
        if await self._scripts.rename(self._keys.session(session), session, _name(name)) is Code.GONE:
            raise SessionGone()

    async def feedback(self, session: str, reply_id: str, value: Feedback | None) -> None:
        """Stores a verdict with a committed reply; None takes it back.

        Raises:
            NotWaiting: the reply is not committed yet.
            UnknownMessage, SessionGone: there is no such reply.
        """
        message_id = reply_id.removesuffix(REPLY)
        code = await self._scripts.feedback(self._keys.session(session), session, message_id, value or "")
        if code is not Code.OK:
            raise refusal(code)

    async def delete(self, session: str) -> None:
        """Removes a session with all its keys, whatever runs; its watchers are told.

        Raises:
            SessionGone: it had expired or was deleted already.
        """
        if await self._scripts.delete(self._keys.session(session), session) is Code.GONE:
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


def _name(raw: str) -> str:
    name = raw.strip()
    # Not `isprintable`: it refuses what joins emoji and shapes some scripts.
    if not 1 <= len(name) <= NAME_LENGTH or any(category(character) in _NO_TEXT for character in name):
        raise MessageRefused(f"a name has 1 to {NAME_LENGTH} printable characters")
    return name


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
