"""The outermost layer around every HTTP request: nothing too large gets in, nothing unexpected gets out."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unbroken.errors import MessageRefused
from unbroken.server.notices import internal, told
from unbroken.server.problems import answer, report


class Guard:
    """ASGI middleware.

    A body past the limit is refused with 413 before it is read, or as soon as it is past it. An exception that nothing
    else expected becomes an answer with a reference; the reference finds its traceback in the log.

    Args:
        app: what is guarded.
        body_bytes: longest body of a request.
    """

    def __init__(self, app: ASGIApp, body_bytes: int) -> None:
        self._app = app
        self._limit = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request; sockets pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = HTTPConnection(scope).url.path
        body = await self._body(scope, receive)
        if body is None:
            too_long = told(MessageRefused(f"the body has more than {self._limit} bytes"))
            await answer(too_long, path, 413)(scope, receive, send)
            return
        started = False

        async def read_again() -> Message:
            return body.pop() if body else await receive()

        async def sent(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, read_again, sent)
        except Exception:
            reference = report(f"{scope['method']} {path}")
            if not started:
                await answer(internal(reference), path)(scope, receive, send)

    async def _body(self, scope: Scope, receive: Receive) -> list[Message] | None:
        """Reads the body: as the messages that hold it, or None if it is too long."""
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        if not length and "transfer-encoding" not in headers:
            return []
        if length.isdigit() and int(length) > self._limit:
            return None
        read = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return [message]
            read += message.get("body", b"")
            if len(read) > self._limit:
                return None
            if not message.get("more_body", False):
                return [{"type": "http.request", "body": bytes(read), "more_body": False}]
