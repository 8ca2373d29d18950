"""`WS /chat`: the asyncio shell around a connection, from the handshake to the last frame."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack

from starlette.websockets import WebSocket, WebSocketDisconnect

from unbroken.cursor import Cursor
from unbroken.errors import NotAuthenticated, Refused, SessionGone, Unavailable
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


async def chat(websocket: WebSocket) -> None:
    """Serves one socket. What is refused is refused in the handshake, as an HTTP answer."""
    service = Service.of(websocket)
    if token_of(websocket) is None:
        await websocket.close(CloseCode.POLICY)
        return
    native = SUBPROTOCOL in websocket.scope["subprotocols"]
    async with AsyncExitStack() as stack:
        try:
            opened = await _admitted(websocket, service)
            cursor = known(websocket.query_params.get("cursor")) if native else None
            watch = Watch(service.backend, service.hub, service.bounds, opened.id, cursor)
            await stack.enter_async_context(watch)
        except (Refused, Unavailable) as error:
            await websocket.send_denial_response(answer(told(error), websocket.url.path))
            return
        await websocket.accept(SUBPROTOCOL if native else None)
        connection = Connection(Native() if native else Plain(), service.bounds.violations)
        socket = Socket(websocket, service, opened, connection, watch)
        stack.enter_context(service.clients.joined(socket))
        await socket.run()


async def _admitted(websocket: WebSocket, service: Service) -> Opened:
    if service.clients.draining:
        raise Unavailable("this server is stopping")
    if not origin_allowed(websocket, service.settings.allowed_origins):
        raise NotAuthenticated("pages of this origin may not connect")
    return await service.opened(websocket)


class Socket:
    """Two tasks on one socket: one listens and carries out commands in order, one writes what is to be shown."""

    def __init__(
        self, websocket: WebSocket, service: Service, opened: Opened, connection: Connection, watch: Watch
    ) -> None:
        self._websocket = websocket
        self._service = service
        self._stall = service.bounds.stall
        self._opened = opened
        self._connection = connection
        self._watch = watch
        self._door: PushProtocol | None = websocket.scope.get("extensions", {}).get(EXTENSION)
        self._after: float | None = None

    async def run(self) -> None:
        """Serves the socket until either side closes it."""
        tasks = [asyncio.create_task(self._guarded(side)) for side in (self._listen, self._write)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def leave(self, after: float) -> None:
        """Begins to leave, because the server is about to stop."""
        self._after = after
        self._watch.eager = None
        self._watch.interrupt()

    async def _guarded(self, side: Callable[[], Awaitable[None]]) -> None:
        try:
            await side()
        except WebSocketDisconnect:
            pass
        except SessionGone:
            await self._do(self._connection.gone())
        except TimeoutError:
            self._give_up()
        except Exception:
            await self._do(self._connection.crashed(report("a socket")))

    async def _listen(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            await self._do(self._connection.received(message["bytes"] if text is None else text))

    async def _write(self) -> None:
        await self._do(self._connection.opened(self._service.ready(self._opened)))
        if self._door is not None and self._after is None:
            self._watch.eager = self._write_now
        while not self._connection.closed:
            actions = self._connection.shown(await self._watch.next())
            if self._after is not None:
                actions += self._connection.drain(self._after)
            await self._do(actions)

    def _write_now(self) -> None:
        """Writes a live event in the moment that it comes, if the client has read what came before."""
        assert self._door is not None
        if self._door.writable.is_set():
            try:
                self._door.push(self._connection.frames(self._watch.ready()))
            except Exception as defect:  # the hub's other watchers have no part in it
                self._watch.fail(defect)

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
        await self._send(frames)

    async def _carry_out(self, command: Command) -> None:
        try:
            if isinstance(command, Resume):
                self._watch.seek(Cursor.parse(command.cursor) if command.cursor else None)
                return
            # A reply must not be committed before this client's place in the log is known: a client without history
            # would never see it.
            await self._watch.caught_up.wait()
            await perform(self._service.backend, self._opened.id, command)
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
