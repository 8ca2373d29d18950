"""`WS /chat`: the asyncio shell around a connection, from the handshake to the last frame."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from unbroken.cursor import Cursor
from unbroken.errors import NotAuthenticated, Refused, SessionGone, Unavailable
from unbroken.log import Entry
from unbroken.protocol import SUBPROTOCOL, CloseCode, Command, Resume
from unbroken.server.auth import origin_allowed, token_of
from unbroken.server.commands import perform
from unbroken.server.connection import Action, Close, Connection
from unbroken.server.dialects import portions
from unbroken.server.dialects.native import Native
from unbroken.server.dialects.plain import Plain
from unbroken.server.notices import told
from unbroken.server.problems import answer, report
from unbroken.server.push import EXTENSION, PushProtocol
from unbroken.server.service import Service
from unbroken.server.watch import Watch, known
from unbroken.store import Opened


async def chat(scope: Scope, receive: Receive, send: Send) -> None:
    """Serves one socket. What is refused is refused in the handshake, as an HTTP answer."""
    websocket = WebSocket(scope, receive, send)
    service = Service.of(websocket)
    if token_of(websocket) is None:
        await websocket.close(CloseCode.POLICY)
        return
    native = SUBPROTOCOL in websocket.scope["subprotocols"]
    try:
        opened = await _admitted(websocket, service)
        cursor = known(websocket.query_params.get("cursor")) if native else None
        watch = Watch(service.backend, service.hub, service.bounds, opened.id, cursor)
        await watch.attach()
    except (Refused, Unavailable) as error:
        await websocket.send_denial_response(answer(told(error), websocket.url.path))
        return
    try:
        await websocket.accept(SUBPROTOCOL if native else None)
        connection = Connection(Native() if native else Plain(), service.bounds.violations)
        socket = Socket(websocket, receive, service, opened, connection, watch)
        _forget_handshake(websocket)
        with service.clients.joined(socket):
            await socket.run()
    finally:
        watch.detach()


async def _admitted(websocket: WebSocket, service: Service) -> Opened:
    service.clients.admit()
    if not origin_allowed(websocket, service.settings.allowed_origins):
        raise NotAuthenticated("pages of this origin may not connect")
    return await service.opened(websocket)


def _forget_handshake(websocket: WebSocket) -> None:
    """Lets go of headers and query: sockets live for hours, and these hold the token."""
    websocket.scope.update(headers=[], query_string=b"")
    for cached in ("_headers", "_query_params", "_url"):
        vars(websocket).pop(cached, None)
    door = websocket.scope.get("extensions", {}).get(EXTENSION)
    if door is not None:
        door.forget_handshake()


class Doorway:
    """Shows live events on a socket in the moment that they come."""

    def __init__(self, door: PushProtocol, connection: Connection) -> None:
        self._door = door
        self._connection = connection

    @property
    def open(self) -> bool:
        """Whether the client is there, and has read what came before."""
        return self._door.clear

    def show(self, entry: Entry, cursor: Cursor) -> None:
        """Writes the next event, if the dialect shows it and the connection is not over."""
        frame = self._connection.frame(entry, cursor)
        if frame is not None:
            self._door.push_one(frame)


class _WrittenToTheEnd(Exception):
    """The writing side closed the socket."""


class Socket:
    """One socket: its task listens and carries out commands in order, another one writes what is to be shown.

    Idle sockets are the most a server has, so they keep little: one task beside the application's, nothing of what was
    sent.
    """

    def __init__(
        self,
        websocket: WebSocket,
        receive: Receive,
        service: Service,
        opened: Opened,
        connection: Connection,
        watch: Watch,
    ) -> None:
        self._websocket = websocket
        self._receive = receive
        self._service = service
        self._stall = service.bounds.stall
        self._opened = opened
        self._connection = connection
        self._watch = watch
        self._door: PushProtocol | None = websocket.scope.get("extensions", {}).get(EXTENSION)
        self._after: float | None = None

    async def run(self) -> None:
        """Serves the socket until either side closes it."""
        try:
            async with asyncio.TaskGroup() as sides:
                writing = sides.create_task(self._write_to_the_end())
                await self._guarded(self._listen)
                writing.cancel()
        except* _WrittenToTheEnd:
            pass

    async def _write_to_the_end(self) -> None:
        await self._guarded(self._write)
        raise _WrittenToTheEnd  # nobody need listen any more

    def leave(self, after: float) -> None:
        """Begins to leave, because the server is about to stop."""
        self._after = after
        self._watch.sink = None
        self._watch.interrupt()

    async def _guarded(self, side: Callable[[], Awaitable[None]]) -> None:
        try:
            await side()
            return
        except WebSocketDisconnect:
            return
        except SessionGone:
            last = self._connection.gone()
        except TimeoutError:
            self._give_up()
            return
        except Exception:
            last = self._connection.crashed(report("a socket"))
        with suppress(Exception):  # it may be gone by now
            await self._do(last)

    async def _listen(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            await self._do(self._connection.received(message["bytes"] if text is None else text))

    async def _write(self) -> None:
        await self._do(self._connection.opened(self._service.ready(self._opened)))
        if self._door is not None and self._after is None:
            self._watch.sink = Doorway(self._door, self._connection)
        while not self._connection.closed:
            await self._do(self._connection.shown(await self._watch.next()))
            if self._after is not None:
                await self._do(self._connection.drain(self._after))

    async def _do(self, actions: Iterable[Action]) -> None:
        frames: list[bytes] = []
        for action in actions:
            if isinstance(action, bytes):
                frames.append(action)
            elif isinstance(action, Close):
                await self._send(frames)
                await self._websocket.close(action.code, action.reason)
                return
            else:
                await self._carry_out(action)
        if frames:
            await self._send(frames)

    async def _carry_out(self, command: Command) -> None:
        try:
            if isinstance(command, Resume):
                self._watch.seek(Cursor.parse(command.cursor) if command.cursor else None)
                return
            # A reply must not be committed before this client's place in the log is known: a client without history
            # would never see it.
            if not self._watch.caught_up:
                await self._watch.catch_up()
            await perform(self._service.backend, self._opened.id, command, self._service.policy(self._opened))
            done = self._connection.done(command)
            if done:
                await self._do(done)
        except (Refused, Unavailable) as error:
            await self._do(self._connection.failed(command, error))

    async def _send(self, frames: list[bytes]) -> None:
        if self._door is None:
            for frame in frames:
                async with asyncio.timeout(self._stall):
                    await self._websocket.send({"type": "websocket.send", "text": frame.decode()})
            return
        for portion in portions(frames):
            while not self._door.push(portion):
                await self._door.room(self._stall)
                if self._door.over:
                    raise WebSocketDisconnect(CloseCode.NORMAL)

    def _give_up(self) -> None:
        for action in self._connection.stalled():
            if isinstance(action, Close) and self._door is not None:
                self._door.give_up(action.code, action.reason)
