"""Changes over HTTP and over the socket: what waits, verdicts, the name, the end, and the export."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.server.author import Author
from tests.integration.server.site import Reader, Site
from unbroken.types import Status


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def say(reader: Reader, **command: Any) -> None:
    await reader.socket.send(json.dumps(command))


async def until(reader: Reader, type_: str) -> dict[str, Any]:
    while (event := await reader.event())["type"] != type_:
        pass
    return event


class Room:
    """A session whose first message is being answered while two more wait."""

    def __init__(self, site: Site, token: str, session: str) -> None:
        self.site, self.token, self.session = site, token, session
        self.author = Author(site.backend, session)

    async def fill(self) -> None:
        for name in "abc":
            await self.site.backend.queue.accept(self.session, name, f"text {name}")
        await self.author.start()
        await self.author.say("half")

    async def call(self, method: str, path: str = "", body: object = None) -> tuple[int, str]:
        answer = await self.site.http.request(
            method, f"/sessions/{self.session}{path}", json=body, headers=bearer(self.token)
        )
        return answer.status_code, answer.json()["error"]["code"] if answer.content else ""


@pytest.fixture
async def room(site: Site) -> Room:
    room = Room(site, *await site.session("Ada"))
    await room.fill()
    return room


async def test_over_http_and_seen_by_everyone(room: Room) -> None:
    async with room.site.native(room.token) as reader:
        await until(reader, "snapshot")
        assert await room.call("PATCH", "/messages/b", {"text": "other"}) == (204, "")
        assert (await until(reader, "message.edited"))["message"]["msg"] == "other"
        assert await room.call("POST", "/messages/c/send_now") == (204, "")
        moved = (await until(reader, "queue.changed"))["messages"]
        assert [(message["id"], message["turn"]) for message in moved] == [("c", 2), ("b", 3)]
        assert await room.call("DELETE", "/messages/b") == (204, "")
        assert (await until(reader, "message.withdrawn"))["message_id"] == "b"
        await room.author.end(Status.CANCELLED)
        assert await room.call("PUT", "/messages/a.reply/feedback", {"value": "up"}) == (204, "")
        assert (await until(reader, "message.feedback"))["value"] == "up"
        assert await room.call("PATCH", "", {"name": "Logs"}) == (204, "")
        assert (await until(reader, "session.renamed"))["name"] == "Logs"
        assert await room.call("DELETE") == (204, "")
        assert (await until(reader, "error"))["code"] == "session_gone"
    assert await room.call("GET") == (403, "unauthorized")


async def test_over_the_socket(room: Room) -> None:
    async with room.site.native(room.token) as reader:
        await until(reader, "snapshot")
        await say(reader, type="message.edit", message_id="b", text="other")
        assert (await until(reader, "message.edited"))["message"]["id"] == "b"
        await say(reader, type="message.withdraw", message_id="b")
        await until(reader, "message.withdrawn")
        await say(reader, type="message.edit", message_id="b", text="too late")
        refused = await until(reader, "error")
        assert (refused["code"], refused["message_id"]) == ("not_waiting", "b")
        await say(reader, type="message.send_now", message_id="c")
        await room.author.end(Status.CANCELLED)
        await until(reader, "reply.cancelled")
        await say(reader, type="message.feedback", message_id="a.reply", value="down")
        assert (await until(reader, "message.feedback"))["message_id"] == "a.reply"
        await say(reader, type="session.rename", name=" ")
        assert (await until(reader, "error"))["code"] == "bad_message"
        await say(reader, type="session.rename", name="Streams")
        await until(reader, "session.renamed")
        await say(reader, type="message.send", id="d", text="again", replaces="a")
        assert (await until(reader, "message.accepted"))["message"]["replaces"] == "a"
        await say(reader, type="message.send", id="e", text="again", replaces="nobody")
        assert (await until(reader, "error"))["code"] == "unknown_message"


async def test_a_cursor_from_before_a_change_gets_a_snapshot(room: Room) -> None:
    async with room.site.native(room.token) as reader:
        while (event := await reader.event())["type"] != "reply.delta":
            pass
        cursor = event["cursor"]
    assert await room.call("PATCH", "/messages/b", {"text": "other"}) == (204, "")
    async with room.site.native(room.token, cursor) as reader:
        snapshot = await until(reader, "snapshot")
        assert [message["msg"] for message in snapshot["messages"]] == ["text a", "other", "text c"]
        assert (await until(reader, "reply.delta"))["text"] == "half"


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("PATCH", "/messages/a", {"text": "x"}, (409, "not_waiting")),
        ("DELETE", "/messages/a", None, (409, "not_waiting")),
        ("POST", "/messages/a/send_now", None, (409, "not_waiting")),
        ("PUT", "/messages/a.reply/feedback", {"value": "up"}, (409, "not_waiting")),
        ("PUT", "/messages/b.reply/feedback", {"value": "sideways"}, (400, "bad_request")),
        ("PATCH", "/messages/nobody", {"text": "x"}, (404, "unknown_message")),
        ("PATCH", "/messages/b", {"text": " "}, (422, "bad_message")),
        ("PATCH", "", {"name": "x" * 101}, (422, "bad_message")),
        ("GET", "/export?format=pdf", None, (400, "bad_request")),
    ],
)
async def test_what_is_refused(room: Room, method: str, path: str, body: object, expected: tuple[int, str]) -> None:
    assert await room.call(method, path, body) == expected


async def test_nobody_changes_a_session_without_its_token(room: Room) -> None:
    other, _ = await room.site.session()
    room.token = other
    for method, path in (
        ("DELETE", ""),
        ("DELETE", "/messages/b"),
        ("POST", "/messages/b/send_now"),
        ("GET", "/export"),
    ):
        assert await room.call(method, path) == (403, "unauthorized")


async def test_the_export_shows_what_people_see(room: Room) -> None:
    await room.author.end()
    await room.site.backend.queue.withdraw(room.session, "b")
    await room.site.backend.queue.accept(room.session, "d", "better", replaces="c")
    headers = bearer(room.token)
    document = await room.site.http.get(f"/sessions/{room.session}/export", headers=headers)
    assert document.headers["content-disposition"].endswith('.md"')
    assert document.text.startswith("# Ada\n")
    order = [document.text.index(text) for text in ("text a", "half", "better")]
    assert order == sorted(order)
    assert "text b" not in document.text
    assert "text c" not in document.text
    everything = await room.site.http.get(f"/sessions/{room.session}/export?format=json", headers=headers)
    assert [message["id"] for message in everything.json()["messages"]] == ["a", "b", "c", "a.reply", "d"]
    assert "token" not in everything.text
