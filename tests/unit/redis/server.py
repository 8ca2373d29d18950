"""A Redis that answers what a test tells it to, byte for byte."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Self, TypeAlias

import hiredis

Answer: TypeAlias = "bytes | Callable[[Session], bytes]"

SILENCE = b""
"""An answer that does not come."""


def hello(*, server: str = "valkey", version: str = "9.1.2", mode: str = "standalone", role: str = "master") -> bytes:
    """The reply to HELLO."""
    pairs = {"server": server, "version": version, "mode": mode, "role": role}
    words = b"".join(b"+%b\r\n+%b\r\n" % (key.encode(), value.encode()) for key, value in pairs.items())
    return b"%6\r\n" + words + b"+proto\r\n:3\r\n+id\r\n:7\r\n"


class Session:
    """One connection, as the server sees it."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.commands: list[list[bytes]] = []

    def cut(self, last_words: bytes = b"") -> bytes:
        """Hangs up, after these bytes."""
        self.writer.write(last_words)
        self.writer.close()
        return SILENCE


class ScriptedServer:
    """Listens on the loopback. What it was not told to answer gets `+OK`.

    Attributes:
        sessions: every connection there was, oldest first.
        commands: every command but those of the login, by whichever connection.
        logins: every HELLO.
    """

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.commands: list[list[bytes]] = []
        self.logins: list[list[bytes]] = []
        self._answers: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self._tasks: set[asyncio.Task[None]] = set()
        self.on("HELLO", hello())
        self.on("PING", b"+PONG\r\n")

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop_listening()
        for session in self.sessions:
            session.writer.close()
        if self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def address(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def on(self, command: str, *answers: Answer) -> None:
        """Answers this command, or its first two words, with these in turn; the last one stays."""
        self._answers[command] = deque(answers)

    def stop_listening(self) -> None:
        """Refuses new connections."""
        self._server.close()

    def named(self, command: str) -> list[list[bytes]]:
        """The commands of this name."""
        return [words for words in self.commands if words[0] == command.encode()]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        session = Session(writer)
        self.sessions.append(session)
        parser = hiredis.Reader()
        try:
            while data := await reader.read(65_536):
                parser.feed(data)
                while not writer.is_closing() and (words := parser.gets()) is not False:
                    writer.write(self._answer(session, words))
        except ConnectionError:
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self._tasks.discard(task)

    def _answer(self, session: Session, words: list[bytes]) -> bytes:
        names = " ".join(word.decode(errors="replace").upper() for word in words[:2]), words[0].decode().upper()
        if names[1] == "HELLO":
            self.logins.append(words)
        elif names[0] != "CLIENT SETNAME" and names[0] != "CLIENT SETINFO":
            session.commands.append(words)
            self.commands.append(words)
        for name in names:
            if answers := self._answers.get(name):
                answer = answers.popleft() if len(answers) > 1 else answers[0]
                return answer(session) if callable(answer) else answer
        return b"+OK\r\n"


async def until(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds; fails after ten seconds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.002)
