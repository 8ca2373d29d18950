"""Nothing too large gets in, nothing unexpected gets out."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from unbroken.server.guard import Guard


async def ask(app: Any, *chunks: bytes, path: str = "/x", **headers: str) -> tuple[int, dict[str, Any], int]:
    """Returns the status, the JSON answer, and how many chunks were read."""
    sent: list[Message] = []
    waiting = [{"type": "http.request", "body": c, "more_body": i < len(chunks) - 1} for i, c in enumerate(chunks)]
    total = len(waiting)

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"token=secret", "headers": raw}
    await Guard(app, 10)(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(body), total - len(waiting)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    more = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    told = {"body": message["body"].decode(), "next": more["type"]}
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("the password is hunter2")


async def broken_late(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}", "more_body": True})
    raise RuntimeError("too late")


async def test_a_body_within_the_limit_passes_whole() -> None:
    assert await ask(echo, b"12345", b"67890", content_length="10") == (
        200,
        {"body": "1234567890", "next": "http.disconnect"},
        2,
    )


async def test_a_body_that_says_it_is_too_long_is_not_read() -> None:
    status, body, read = await ask(echo, b"12345", b"678901", content_length="11")
    assert (status, body["error"]["code"], read) == (413, "bad_message", 0)


@pytest.mark.parametrize("headers", [{"transfer_encoding": "chunked"}, {"content_length": "3"}])
async def test_a_body_that_becomes_too_long_is_not_read_further(headers: dict[str, str]) -> None:
    status, body, read = await ask(echo, b"12345", b"678901", b"more", b"and more", path="/x", **headers)
    assert (status, body["error"]["code"], read) == (413, "bad_message", 2)


async def test_a_defect_is_answered_with_a_reference_that_the_log_knows(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "unbroken"):
        status, body, _ = await ask(broken)
    assert status == 500
    assert body["error"]["code"] == "internal"
    assert body["error"]["reference"] in caplog.text
    assert "hunter2" in caplog.text
    assert "hunter2" not in json.dumps(body)
    assert "secret" not in caplog.text


async def test_a_defect_of_the_tutorials_endpoints_keeps_their_form(caplog: pytest.LogCaptureFixture) -> None:
    status, body, _ = await ask(broken, path="/token")
    assert status == 500
    assert set(body) == {"detail"}


async def test_a_defect_after_the_answer_began_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    status, _, _ = await ask(broken_late)
    assert status == 200
    assert "too late" in caplog.text


async def test_sockets_pass() -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    await Guard(app, 1)({"type": "websocket"}, None, None)  # type: ignore[arg-type]
    assert seen == ["websocket"]
