"""Who may connect, how many, how much, how fast."""

from __future__ import annotations

import time

import jwt
import pytest
from pydantic import SecretStr
from websockets.exceptions import InvalidStatus

from tests.integration.server.conftest import Serve
from tests.integration.server.site import Site
from unbroken.errors import ConfigurationError
from unbroken.models.scripted import Scripted
from unbroken.protocol import CloseCode
from unbroken.server.app import frame_bytes


async def status_of(site: Site, token: str | None, **headers: str) -> int:
    """The status of a handshake; 101 if it works."""
    try:
        async with site.plain(token, additional_headers=headers):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_the_token_in_a_header_in_a_subprotocol_and_in_the_query(site: Site) -> None:
    token, _ = await site.session()
    assert await status_of(site, None, Authorization=f"Bearer {token}") == 101
    assert await status_of(site, token) == 101
    assert await status_of(site, token, Authorization="Bearer wrong") == 403
    async with site.native(token) as reader:
        assert reader.socket.subprotocol == "unbroken.v1"


async def test_other_pages_may_not_open_sockets(serve: Serve) -> None:
    site = await serve(allowed_origins=("https://app.example",))
    token, _ = await site.session()
    assert await status_of(site, token, Origin="https://evil.example") == 403
    assert await status_of(site, token, Origin="https://app.example") == 101
    assert await status_of(site, token, Origin=f"http://{site.address}") == 101
    assert await status_of(site, token) == 101


async def test_sockets_of_one_session(serve: Serve) -> None:
    site = await serve(sockets_per_session=2)
    (token, _), (other, _) = await site.session(), await site.session()
    async with site.plain(token), site.native(token):
        with pytest.raises(InvalidStatus) as refused:
            async with site.plain(token):
                pass
        assert refused.value.response.status_code == 429
        assert refused.value.response.headers["retry-after"] == "5"
        assert await status_of(site, other) == 101
    assert await status_of(site, token) == 101


async def test_new_sessions_of_one_address(serve: Serve) -> None:
    site = await serve(sessions_per_minute=3)
    answers = [await site.http.post("/token?name=Ada") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert set(answers[-1].json()) == {"detail"}
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 20


async def test_creating_sessions_may_need_a_key_or_a_token(serve: Serve) -> None:
    secret = "a secret of thirty-two bytes, or more"
    site = await serve(api_key=SecretStr("key"), jwt_secret=SecretStr(secret))
    for credentials, status in (
        ("wrong", 403),
        ("key", 200),
        (jwt.encode({"exp": time.time() + 60}, secret), 200),
        (jwt.encode({"exp": time.time() - 60}, secret), 403),
    ):
        answer = await site.http.post("/token?name=Ada", headers={"Authorization": f"Bearer {credentials}"})
        assert answer.status_code == status
    token = (await site.http.post("/token?name=Ada", headers={"Authorization": "Bearer key"})).json()["token"]
    assert (await site.http.get("/refresh_token", params={"token": token})).status_code == 200


async def test_a_secret_that_is_none_stops_the_start(serve: Serve) -> None:
    with pytest.raises(ConfigurationError):
        await serve(jwt_secret=SecretStr("short"))


async def test_redis_that_is_missing_stops_the_start_with_a_sentence(serve: Serve) -> None:
    with pytest.raises(ConfigurationError, match="REDIS_URL"):
        await serve(redis_url=None)


async def test_messages_up_to_the_limit_and_frames_up_to_theirs(serve: Serve, bot: Scripted) -> None:
    site = await serve(message_bytes=1_000)
    token, _ = await site.session()
    async with site.native(token) as reader:
        await reader.until("snapshot")
        await reader.send("worst", "\x01" * 1_000)  # six bytes each in JSON
        assert (await reader.event())["type"] == "message.accepted"
        await reader.until("reply.completed")
        await reader.send("long", "x" * 1_001)
        error = await reader.event()
        assert (error["code"], error["message_id"]) == ("bad_message", "long")
        await reader.socket.send("x" * (frame_bytes(site.settings) + 1))
        assert (await reader.ended())[0] == CloseCode.TOO_BIG


async def test_tokens_are_not_kept_in_redis(site: Site) -> None:
    token, session = await site.session()
    keys = site.backend.keys.session(session)
    stored = await site.backend.redis.router.command(keys.tag, "JSON.GET", keys.doc)
    assert token not in stored.decode()
    assert token.partition(".")[2] not in stored.decode()
