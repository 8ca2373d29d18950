from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest
from aiohttp import web

from tests.integration.client.memory import serving
from unbroken.client.http import Http
from unbroken.errors import NotAuthenticated, NotWaiting, Refused, SessionGone, Unavailable, Unreachable

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def site(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    yield listener.name
    await runner.cleanup()


def answers(*responses: Callable[[], web.Response]) -> tuple[Handler, list[web.Request]]:
    """One response after the other, the last one for ever."""
    requests: list[web.Request] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        requests.append(request)
        return responses[min(len(requests), len(responses)) - 1]()

    return handler, requests


@pytest.fixture
def http_to() -> Callable[..., Http]:
    def make(*urls: str, timeout: float = 5.0) -> Http:
        return Http(urls, timeout)

    return make


async def test_a_request_carries_its_secret_in_a_header_and_nowhere_else(http_to: Callable[..., Http]) -> None:
    handler, requests = answers(lambda: web.Response(text="made"))
    async with site(handler) as url:
        http = http_to(url)
        assert await http.request("POST", "/token", "secret", {"name": "Ada & Co"}) == b"made"
        await http.close()
    assert requests[0].headers["Authorization"] == "Bearer secret"
    assert requests[0].query == {"name": "Ada & Co"}
    assert "secret" not in str(requests[0].url)


async def test_what_may_succeed_later_is_tried_again(http_to: Callable[..., Http]) -> None:
    handler, requests = answers(
        lambda: web.Response(status=503),
        lambda: web.Response(status=429, headers={"Retry-After": "1"}),
        lambda: web.Response(text="made"),
    )
    async with site(handler) as url:
        http = http_to(url)
        began = time.monotonic()
        assert await http.request("POST", "/token", None) == b"made"
        assert time.monotonic() - began >= 1
        await http.close()
    assert len(requests) == 3


async def test_the_next_server_is_asked_when_one_is_away(http_to: Callable[..., Http]) -> None:
    handler, _ = answers(lambda: web.Response(text="made"))
    async with site(handler) as url:
        http = http_to("http://127.0.0.1:1", url)
        assert await http.request("GET", "/", None) == b"made"
        await http.close()


@pytest.mark.parametrize(
    ("status", "body", "error", "sentence"),
    [
        (400, '{"detail":{"loc":"name","msg":"Enter a valid name"}}', Refused, "Enter a valid name"),
        (400, '{"loc":"name","msg":"Enter a valid name"}', Refused, "Enter a valid name"),
        (403, '{"error":{"code":"unauthorized","message":"a key, please"}}', NotAuthenticated, "a key, please"),
        (401, '{"detail":"a key, please"}', NotAuthenticated, "a key, please"),
        (410, '{"error":{"code":"session_gone","message":"gone"}}', SessionGone, "gone"),
        (409, '{"error":{"code":"not_waiting","message":"too late"}}', NotWaiting, "too late"),
        (404, "<html>", Refused, "HTTP 404"),
    ],
)
async def test_refusals_are_final_and_say_why(
    http_to: Callable[..., Http], status: int, body: str, error: type[Exception], sentence: str
) -> None:
    handler, requests = answers(lambda: web.Response(status=status, text=body))
    async with site(handler) as url:
        http = http_to(url)
        with pytest.raises(error, match=sentence):
            await http.request("POST", "/token", None)
        await http.close()
    assert len(requests) == 1


async def test_time_runs_out_with_the_last_reason(http_to: Callable[..., Http]) -> None:
    handler, _ = answers(lambda: web.Response(status=503, text='{"detail":"the store sleeps"}'))
    async with site(handler) as url:
        http = http_to(url, timeout=0.5)
        with pytest.raises(
            Unavailable, match=f"^the chat server cannot do this now: {url}: the store sleeps$"
        ) as raised:
            await http.request("POST", "/token", None)
        assert not isinstance(raised.value, Unreachable)
        await http.close()


async def test_a_server_that_answered_is_named_though_another_is_away(http_to: Callable[..., Http]) -> None:
    handler, _ = answers(lambda: web.Response(status=429, text='{"detail":"slowly"}'))
    async with site(handler) as url:
        http = http_to("http://127.0.0.1:1", url, timeout=1.2)
        with pytest.raises(Unavailable, match=f"^the chat server cannot do this now: {url}: slowly$"):
            await http.request("POST", "/token", None)
        await http.close()


async def test_nobody_there_is_another_thing(http_to: Callable[..., Http]) -> None:
    http = http_to("http://127.0.0.1:1", timeout=0.3)
    with pytest.raises(Unreachable, match=r"^no chat server at http://127\.0\.0\.1:1: nobody listens there$"):
        await http.request("POST", "/token", None)
    await http.close()


async def test_something_else_that_listens_there_is_no_chat_server(http_to: Callable[..., Http]) -> None:
    async with serving() as server:
        http = http_to(server.url)
        with pytest.raises(Refused, match="HTTP 405"):
            await http.request("POST", "/token", None)
        await http.close()
