"""Server-sent events, read as a browser reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.integration.server.author import Author
from tests.integration.server.conftest import Serve
from tests.integration.server.site import SOON, Site, until
from unbroken.backend import Backend
from unbroken.models.scripted import Scripted
from unbroken.server.bounds import Bounds


class Source:
    """The fields of the events that came, in order, by the rules of the format."""

    def __init__(self, lines: AsyncIterator[str], headers: dict[str, str]) -> None:
        self.headers = headers
        self.last_id = ""
        self.retry: int | None = None
        self.comments: list[str] = []
        self._lines = lines

    async def event(self) -> tuple[str, dict[str, Any]]:
        """The next event: its type and its data."""
        kind, data = "message", ""
        async with asyncio.timeout(SOON):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                match name:
                    case "id":
                        self.last_id = value
                    case "event":
                        kind = value
                    case "data":
                        data += value
                    case "retry":
                        self.retry = int(value)
                    case _ if line.startswith(":"):
                        self.comments.append(line)
                    case _ if not line and data:
                        return kind, json.loads(data)
        raise EOFError

    async def until(self, kind: str) -> dict[str, Any]:
        while True:
            found, data = await self.event()
            if found == kind:
                return data


@asynccontextmanager
async def source(site: Site, token: str, session: str, query: str = "", **headers: str) -> AsyncIterator[Source]:
    headers = {"Authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with site.http.stream("GET", f"/sessions/{session}/events{query}", headers=headers) as answer:
        assert answer.status_code == 200
        yield Source(answer.aiter_lines(), dict(answer.headers))


async def test_a_stream_from_the_beginning(site: Site, bot: Scripted) -> None:
    token, session = await site.session()
    async with source(site, token, session) as stream:
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["cache-control"] == "no-cache"
        assert stream.headers["x-accel-buffering"] == "no"
        assert (await stream.event())[0] == "session.ready"
        assert stream.last_id == ""
        assert stream.retry == 1000
        assert await stream.event() == ("snapshot", {"type": "snapshot", "messages": [], "name": "Ada"})
        assert stream.last_id == "0-0.0-0.0-0"
        sent = await site.http.post(
            f"/sessions/{session}/messages",
            json={"id": "a", "text": "say one\ntwo"},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert (sent.status_code, sent.json()) == (202, {"id": "a", "turn": 1, "duplicate": False})
        assert (await stream.event())[0] == "message.accepted"
        assert (await stream.until("reply.completed"))["message"]["msg"] == "one\ntwo"


async def test_the_last_event_id_continues_exactly_there(serve: Serve, backend: Backend) -> None:
    first, second = await serve(), await serve()
    token, session = await first.session()
    await backend.queue.accept(session, "a", "?")
    author = Author(backend, session)
    await author.start()
    async with source(first, token, session) as stream:
        await author.say("one ")
        assert (await stream.until("reply.delta"))["text"] == "one "
        last = stream.last_id
    await author.say("two ")
    await author.say("three ")
    for options in (
        {"last_event_id": last},
        {"query": f"?cursor={last}"},
        {"last_event_id": last, "query": "?cursor=x"},
    ):
        async with source(second, token, session, **options) as stream:
            assert (await stream.event())[0] == "session.ready"
            assert [(await stream.event())[1]["text"] for _ in range(2)] == ["two ", "three "]
    await author.end()
    async with source(first, token, session, last_event_id=last) as stream:
        assert (await stream.event())[0] == "session.ready"
        kind, data = await stream.event()
        assert kind == "snapshot"
        assert [message["msg"] for message in data["messages"]] == ["?", "one two three "]


async def test_a_silent_stream_shows_that_it_lives(serve: Serve) -> None:
    site = await serve(Bounds(keep_alive=0.05))
    token, session = await site.session()
    async with source(site, token, session) as stream:
        await stream.until("snapshot")
        try:
            async with asyncio.timeout(0.5):
                await stream.event()
        except TimeoutError:
            pass
    assert len(stream.comments) >= 3
    assert set(stream.comments) == {": keep-alive"}


async def test_a_reader_that_goes_leaves_nothing_behind(site: Site) -> None:
    token, session = await site.session()
    async with source(site, token, session) as stream:
        await stream.until("snapshot")
        assert (site.service.hub.sessions, len(site.service.clients)) == (1, 1)
    await until(lambda: site.service.hub.sessions == 0 and len(site.service.clients) == 0)


async def test_an_expired_session_ends_the_stream(serve: Serve, backend: Backend) -> None:
    site = await serve(Bounds(idle_check=0.1))
    token, session = await site.session()
    async with source(site, token, session) as stream:
        await stream.until("snapshot")
        keys = backend.keys.session(session)
        await backend.redis.router.command(keys.tag, "DEL", *keys.owned)
        assert (await stream.until("error"))["code"] == "session_gone"
        try:
            await stream.event()
            raise AssertionError("the stream goes on")
        except EOFError:
            pass


async def test_a_stopping_server_ends_the_stream_with_a_time_to_come_back(serve: Serve) -> None:
    site = await serve(Bounds(reconnect=0.5))
    token, session = await site.session()
    async with source(site, token, session) as stream:
        await stream.until("snapshot")
        await site.service.clients.drain(5)
        try:
            await stream.event()
            raise AssertionError("the stream goes on")
        except EOFError:
            pass
        assert stream.retry is not None
        assert 0 <= stream.retry <= 500
    async with source(site, token, session) as late:  # an EventSource would give up for good at an error
        await late.until("session.ready")
        with pytest.raises(EOFError):
            await late.event()
        assert late.retry is not None
