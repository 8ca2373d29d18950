"""A chat server in memory, exact like the real one, that dies where a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from unbroken.protocol import (
    SUBPROTOCOL,
    Command,
    Error,
    Event,
    Limits,
    MessageAccepted,
    MessageSend,
    ReplyCancelled,
    ReplyCompleted,
    ReplyDelta,
    ReplyStarted,
    SessionInfo,
    SessionReady,
    Snapshot,
    decode_command,
    encode,
)
from unbroken.types import Message, Role, Status

READY = SessionReady(SessionInfo("s", "Ada", "2026-01-01T00:00:00.000Z"), Limits(1000, 20, 3600))

Verdict: TypeAlias = Event | None


def reply_to(text: str) -> list[str]:
    """What the server says to a text, in pieces."""
    return ["You", " said", f" {text}", "."]


class Session:
    """The log of one session. Cursors are its lengths."""

    def __init__(self) -> None:
        self.log: list[Event] = []
        self.messages: list[Message] = []
        self.started: list[str] = []
        self.cancelled: set[str] = set()
        self.grown = asyncio.Condition()
        self.hold = asyncio.Event()  # replies pause after their second piece until it is set
        self.hold.set()

    async def append(self, make: Callable[[str], Event]) -> None:
        async with self.grown:
            self.log.append(make(str(len(self.log) + 1)))
            self.grown.notify_all()

    async def accept(self, command: MessageSend) -> None:
        if any(m.id == command.id for m in self.messages):
            return
        turn = sum(m.role is Role.USER for m in self.messages) + 1
        message = Message(command.id, command.text, Role.USER, "", turn)
        self.messages.append(message)
        await self.append(lambda cursor: MessageAccepted(message, cursor))

    async def answer(self) -> None:
        """Answers one message after the other, for ever."""
        while True:
            async with self.grown:
                await self.grown.wait_for(lambda: len(self.started) < sum(m.role is Role.USER for m in self.messages))
            question = [m for m in self.messages if m.role is Role.USER][len(self.started)]
            self.started.append(question.id)
            await self._answer(question)

    async def _answer(self, question: Message) -> None:
        turn, said = question.turn, ""
        await self.append(lambda cursor: ReplyStarted(turn, question.id, 1, "", cursor))
        for at, piece in enumerate(reply_to(question.msg)):
            if at == 2:
                await self.hold.wait()
            if question.id in self.cancelled:
                break
            said += piece
            await self.append(lambda cursor, text=piece: ReplyDelta(turn, text, cursor))  # type: ignore[misc]
        status = Status.CANCELLED if question.id in self.cancelled else Status.COMPLETED
        kind = ReplyCancelled if status is Status.CANCELLED else ReplyCompleted
        message = Message(f"{question.id}.reply", said, Role.ASSISTANT, "", turn, reply_to=question.id, status=status)
        self.messages.append(message)
        await self.append(lambda cursor: kind(message, cursor))


class MemoryServer:
    """Serves one session.

    Attributes:
        cuts: for each connection in turn, after how many frames it is cut, and whether what was received before
            the cut still counts; connections after the last one live.
        snapshots: no cursor is known any more: every connection begins with a snapshot.
        overlap: how many events before the cursor are repeated to a client that reconnects.
        on_command: is asked about every command; an event it returns is the answer instead.
        connections: the cursor that each connection presented, `None` for none.
        received: the commands of each connection.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.cuts: list[int] = []
        self.snapshots = False
        self.overlap = 0
        self.on_command: Callable[[Command], Verdict] = lambda command: None
        self.refuse: int | None = None
        self.connections: list[str | None] = []
        self.received: list[list[Command]] = []
        self.tokens: list[str] = []
        self.sockets: list[ServerConnection] = []
        self.url = ""

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        self.tokens.append(request.headers.get("Authorization", ""))
        return connection.respond(self.refuse, "no\n") if self.refuse else None

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        query = parse_qs(urlsplit(socket.request.path).query)
        cursor = query.get("cursor", [None])[0]
        number = len(self.connections)
        self.connections.append(cursor)
        self.received.append([])
        self.sockets.append(socket)
        left = self.cuts[number] if number < len(self.cuts) else None
        send = asyncio.create_task(self._send(socket, cursor, left))
        try:
            async for raw in socket:
                command = decode_command(raw)
                self.received[number].append(command)
                if (answer := self.on_command(command)) is not None:
                    await socket.send(encode(answer), text=True)
                elif isinstance(command, MessageSend):
                    await self.session.accept(command)
                else:
                    self.session.cancelled.add(getattr(command, "message_id", ""))
        except ConnectionClosed:
            pass
        finally:
            send.cancel()
            await asyncio.gather(send, return_exceptions=True)

    async def _send(self, socket: ServerConnection, cursor: str | None, left: int | None) -> None:
        async for event in self._events(cursor):
            if left == 0:
                socket.transport.abort()
                return
            left = None if left is None else left - 1
            await socket.send(encode(event), text=True)

    async def _events(self, cursor: str | None) -> AsyncIterator[Event]:
        log = self.session.log
        yield READY
        if cursor is None or self.snapshots:
            ends = [at for at, e in enumerate(log, 1) if isinstance(e, (ReplyCompleted, ReplyCancelled))]
            at = ends[-1] if ends else 0
            said = [e for e in log[:at] if isinstance(e, (MessageAccepted, ReplyCompleted, ReplyCancelled))]
            yield Snapshot([e.message for e in said], str(at))
        else:
            at = max(0, int(cursor) - self.overlap)
        while True:
            async with self.session.grown:
                while len(log) <= at:
                    await self.session.grown.wait()
            yield log[at]
            at += 1


@asynccontextmanager
async def serving(session: Session | None = None) -> AsyncIterator[MemoryServer]:
    """Runs a server on a free port, and the one that answers if the session is its own."""
    own = session is None
    server = MemoryServer(session or Session())
    answering = asyncio.create_task(server.session.answer()) if own else None
    async with serve(
        server.handle,
        "127.0.0.1",
        0,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        process_request=server.admit,
        close_timeout=0.2,
    ) as listener:
        server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        yield server
        for socket in server.sockets:
            socket.transport.abort()
    if answering:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)


def busy(message_id: str, after: float) -> Error:
    """The error for a message that finds no room."""
    return Error("busy", "later", message_id=message_id, retry_after=after)
