"""The HTTP endpoints beside the tutorial's."""

from __future__ import annotations

import pytest

from tests.integration.server.author import Author
from tests.integration.server.conftest import Serve
from tests.integration.server.site import Site
from unbroken.backend import Backend
from unbroken.models.scripted import Scripted


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_sending_is_idempotent(site: Site) -> None:
    token, session = await site.session()
    url = f"/sessions/{session}/messages"
    first = await site.http.post(url, json={"id": "a", "text": "one"}, headers=bearer(token))
    again = await site.http.post(url, json={"text": "one"}, headers={**bearer(token), "Idempotency-Key": "a"})
    both = await site.http.post(url, json={"id": "a", "text": "x"}, headers={**bearer(token), "Idempotency-Key": "a"})
    assert (first.status_code, first.json()) == (202, {"id": "a", "turn": 1, "duplicate": False})
    assert again.json() == both.json() == {"id": "a", "turn": 1, "duplicate": True}
    fresh = [(await site.http.post(url, json={"text": "two"}, headers=bearer(token))).json() for _ in range(2)]
    assert [answer["turn"] for answer in fresh] == [2, 3]
    assert fresh[0]["id"] != fresh[1]["id"]
    other = await site.http.post(url, json={"id": "a", "text": "x"}, headers={**bearer(token), "Idempotency-Key": "b"})
    assert (other.status_code, other.json()["error"]["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "bad_request"),
        (b"[]", 400, "bad_request"),
        (b"{}", 400, "bad_request"),
        (b'{"text": 1}', 400, "bad_request"),
        (b'{"text": "\\ud800"}', 422, "bad_message"),
        (b'{"text": " "}', 422, "bad_message"),
        (b'{"text": "x", "id": ""}', 422, "bad_message"),
        (b'{"text": "x", "id": "a\\nb"}', 422, "bad_message"),
        (b'{"text": "' + b"x" * 65 + b'"}', 422, "bad_message"),
        (b'{"text": "' + b"x" * 10_000 + b'"}', 413, "bad_message"),
    ],
)
async def test_what_cannot_be_a_message(serve: Serve, body: bytes, status: int, code: str) -> None:
    site = await serve(message_bytes=64)
    token, session = await site.session()
    headers = {**bearer(token), "Content-Type": "application/json"}
    answer = await site.http.post(f"/sessions/{session}/messages", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code


async def test_a_chunked_body_is_limited_too(serve: Serve) -> None:
    site = await serve(message_bytes=64)
    token, session = await site.session()

    async def endless() -> object:
        for _ in range(1_000):
            yield b"x" * 1_000

    headers = {**bearer(token), "Content-Type": "application/json"}
    answer = await site.http.post(f"/sessions/{session}/messages", content=endless(), headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 413


async def test_a_full_inbox_is_busy(serve: Serve) -> None:
    site = await serve(inbox_limit=2, turn_limit=3)
    token, session = await site.session()
    url = f"/sessions/{session}/messages"
    for _ in range(2):
        assert (await site.http.post(url, json={"text": "x"}, headers=bearer(token))).status_code == 202
    answer = await site.http.post(url, json={"text": "x"}, headers=bearer(token))
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "busy")
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["error"]["retry_after"] == 2.0


async def test_a_session_as_it_is_now(site: Site, backend: Backend) -> None:
    token, session = await site.session()
    url = f"/sessions/{session}"
    empty = (await site.http.get(url, headers=bearer(token))).json()
    assert empty == {
        "id": session,
        "name": "Ada",
        "session_start": empty["session_start"],
        "messages": [],
        "running": False,
        "waiting": 0,
        "cursor": "0-0.0-0.0-0",
    }
    for id_ in ("a", "b"):
        await backend.queue.accept(session, id_, "?")
    author = Author(backend, session)
    await author.start()
    await author.say("so far")
    now = (await site.http.get(url, params={"token": token})).json()
    assert (now["running"], now["waiting"], len(now["messages"])) == (True, 2, 2)
    async with site.native(token, now["cursor"]) as reader:
        while reader.said != "so far":
            await reader.event()
        assert "snapshot" not in reader.types
    await author.end()
    done = (await site.http.get(url, headers=bearer(token))).json()
    assert (done["running"], done["waiting"], done["messages"][-1]["msg"]) == (False, 1, "so far")


async def test_cancel(site: Site, bot: Scripted) -> None:
    token, session = await site.session()
    messages, cancel = f"/sessions/{session}/messages", f"/sessions/{session}/cancel"

    async def state(message_id: str) -> tuple[int, object]:
        answer = await site.http.post(cancel, json={"message_id": message_id}, headers=bearer(token))
        return answer.status_code, answer.json().get("state") or answer.json()["error"]["code"]

    async with site.native(token) as reader:
        for id_ in ("a", "b"):
            await site.http.post(messages, json={"id": id_, "text": "say x; hang"}, headers=bearer(token))
        while reader.said != "x":
            await reader.event()
        assert await state("b") == (200, "queued")
        assert await state("a") == (200, "running")
        await reader.until("reply.cancelled")
        await reader.until("reply.cancelled")
        assert await state("a") == (200, "done")
        assert await state("c") == (404, "unknown_message")


async def test_every_session_needs_its_own_token(site: Site, backend: Backend) -> None:
    (token, session), (other, _) = await site.session(), await site.session("Eve")
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/events", None),
        ("POST", "/messages", {"text": "x"}),
        ("POST", "/cancel", {"message_id": "x"}),
    ):
        url = f"/sessions/{session}{path}"
        for headers in ({}, bearer(other), bearer("nonsense"), bearer(token[:-1])):
            answer = await site.http.request(method, url, json=body, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "unauthorized")
    assert (await backend.store.read(session)).messages == []


async def test_probes_and_the_front_door(site: Site) -> None:
    assert (await site.http.get("/healthz")).json() == {"status": "ok"}
    assert (await site.http.get("/readyz")).json() == {"status": "ready"}
    assert (await site.http.get("/")).status_code == (await site.http.head("/")).status_code == 200
    assert (await site.http.get("/openapi.json")).json()["info"]["title"] == "Unbroken"
    site.service.clients.draining = True
    stopping = await site.http.get("/readyz")
    assert (stopping.status_code, stopping.json()["error"]["code"]) == (503, "unavailable")
    assert (await site.http.get("/healthz")).status_code == 200


async def test_pages_of_other_origins_may_ask_if_they_are_allowed(serve: Serve) -> None:
    site = await serve(allowed_origins=("https://app.example",))
    preflight = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
    }
    answer = await site.http.options("/sessions/x/messages", headers=preflight)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    routes = (await site.http.get("/openapi.json")).json()["paths"].values()
    used = {method.upper() for route in routes for method in route}
    assert used <= set(answer.headers["access-control-allow-methods"].split(", "))
    refused = await site.http.get("/sessions/x", headers={"Origin": "https://app.example"})
    assert refused.headers["access-control-allow-origin"] == "https://app.example"
    evil = await site.http.get("/healthz", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in evil.headers
