"""How each contender is spoken to: what opens a session, how it is asked, which texts are pieces and which the end."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable

import aiohttp

from benchmarks.load.session import Script, Session

END_OF_REPLY = b"END"
"""What the plain handlers say after the last chunk."""


class Plain(Session):
    """Each text is a chunk, until one says that it was the last."""

    def text(self, payload: bytes) -> None:
        """Counts, or ends the reply."""
        if payload == END_OF_REPLY:
            self.done()
        else:
            self.said(payload)


class Whole(Session):
    """Each text is a whole reply."""

    def text(self, payload: bytes) -> None:
        """Counts, and ends the reply."""
        self.concluded(payload)


class Unbroken(Session):
    """`unbroken.v1`: a reply ends when it is committed; the end of its text may come with that."""

    _number = 0

    def opened(self) -> None:
        """The snapshot makes it ready, not the handshake."""

    def message(self, text: str) -> bytes:
        """A command."""
        self._number += 1
        return f'{{"type":"message.send","id":"m{self._number}","text":"{text}"}}'.encode()

    def text(self, payload: bytes) -> None:
        """Reads the type, and of a delta the text."""
        at = payload.index(b'"type":"') + 8
        kind = payload[at : payload.index(b'"', at)]
        if kind == b"reply.delta":
            self.said(payload)
        elif kind == b"reply.completed":
            self.concluded(payload)
        elif kind == b"snapshot":
            self.be_ready()
        elif kind in (b"error", b"reply.failed", b"reply.cancelled"):
            self.fail(payload[:300].decode())


class Chainlit(Session):
    """Socket.IO over Engine.IO, as Chainlit's page speaks it. The first chunk comes with the start of the stream."""

    def opened(self) -> None:
        """Engine.IO greets first."""

    def message(self, text: str) -> bytes:
        """What the page sends when somebody presses Enter."""
        step = {
            "id": str(uuid.uuid4()),
            "threadId": "",
            "name": "user",
            "type": "user_message",
            "output": text,
            "createdAt": "2026-01-01T00:00:00.000Z",
        }
        return b"42" + json.dumps(["client_message", {"message": step, "fileReferences": None}]).encode()

    def text(self, payload: bytes) -> None:
        """Reads the packet's type, and of an event its name."""
        if payload.startswith((b'42["stream_token"', b'42["stream_start"')):
            self.said(payload)
        elif payload.startswith(b'42["clear_call_fn"'):
            self.be_ready()
        elif payload.startswith(b'42["task_end"'):
            if self.ready.done():
                self.done()
        elif payload.startswith(b"0{"):
            login = {
                "clientType": "webapp",
                "sessionId": str(uuid.uuid4()),
                "threadId": "",
                "userEnv": "{}",
                "chatProfile": "",
            }
            self.send(b"40" + json.dumps(login).encode())
        elif payload.startswith(b"40"):
            self.send(b'42["connection_successful"]')
        elif payload == b"2":
            self.send(b"3")
        elif payload.startswith((b"44", b"41")):
            self.fail(payload[:300].decode())


Opener = Callable[[Script, aiohttp.ClientSession, str], Awaitable[Session]]
"""Makes a session for the server at host:port, not connected yet."""


async def _plain(script: Script, http: aiohttp.ClientSession, host: str) -> Session:
    return Plain(script, host, "/ws")


async def _tutorial(script: Script, http: aiohttp.ClientSession, host: str) -> Session:
    async with http.post(f"http://{host}/token", params={"name": "Ada"}) as response:
        token = (await response.json())["token"]
    return Whole(script, host, f"/chat?token={token}")


async def _unbroken(script: Script, http: aiohttp.ClientSession, host: str) -> Session:
    async with http.post(f"http://{host}/token", params={"name": "Ada"}) as response:
        token = (await response.json())["token"]
    return Unbroken(script, host, "/chat", ("unbroken.v1", f"unbroken.token.{token}"))


async def _chainlit(script: Script, http: aiohttp.ClientSession, host: str) -> Session:
    return Chainlit(script, host, "/ws/socket.io/?EIO=4&transport=websocket")


OPENERS: dict[str, Opener] = {
    "plain": _plain,
    "tutorial": _tutorial,
    "unbroken": _unbroken,
    "chainlit": _chainlit,
}
