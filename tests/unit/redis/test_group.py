from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.redis.server import SILENCE, Answer, ScriptedServer, until
from tests.unit.redis.two import Two
from unbroken.errors import Unavailable
from unbroken.redis.router import Router, Script
from unbroken.redis.wire import RedisReplyError

SCRIPT = Script("accept", "c0ffee", "return 1")
TAG = "3x"


async def test_scripts_that_come_together_are_confirmed_together(
    server: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    gate: list[Any] = []
    server.on("EVALSHA", *(b":%d\r\n" % n for n in range(100)))
    server.on("WAIT", lambda session: gate.append(session) or SILENCE, b":1\r\n")  # type: ignore[func-returns-value]
    router = build_router(acks=(1, 0.5))
    first = asyncio.create_task(router.confirm(TAG, SCRIPT, (), ()))
    await until(lambda: bool(gate))
    rest = [asyncio.create_task(router.confirm(TAG, SCRIPT, (), ())) for _ in range(50)]
    await asyncio.sleep(0.02)
    assert len(server.named("EVALSHA")) == 1
    rest[7].cancel()
    gate[0].writer.write(b":1\r\n")
    assert await first == (0, True)
    assert [await call for n, call in enumerate(rest) if n != 7] == [(n + 1, True) for n in range(50) if n != 7]
    assert server.named("WAIT") == [[b"WAIT", b"1", b"500"]] * 2
    acks = next(session for session in server.sessions if [b"WAIT", b"1", b"500"] in session.commands)
    assert {words[0] for words in acks.commands} == {b"EVALSHA", b"WAIT"}


async def test_too_few_replicas_are_reported_and_errors_stay_with_their_script(
    server: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    server.on("EVALSHA", b":0\r\n", b"-ERR wrong\r\n", b":2\r\n")
    server.on("WAIT", b":1\r\n", b"-NOPERM no\r\n")
    router = build_router(acks=(2, 0.5))
    found = await asyncio.gather(*(router.confirm(TAG, SCRIPT, (), ()) for _ in range(3)), return_exceptions=True)
    assert found[0] == (0, False)
    assert isinstance(found[1], RedisReplyError)
    assert found[2] == (2, False)
    assert await router.confirm(TAG, SCRIPT, (), ()) == (2, False)


async def test_confirmed_scripts_follow_the_same_table(
    server: ScriptedServer, second: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    replies: list[Answer] = [
        b"-NOSCRIPT No matching script.\r\n",
        lambda session: session.cut(),
        b"-READONLY You can't write\r\n",
        b"-ASK 1 127.0.0.1:%d\r\n" % second.port,
    ]
    server.on("EVALSHA", *replies)
    server.on("WAIT", b":1\r\n")
    second.on("EVALSHA", b":5\r\n")
    second.on("WAIT", b":1\r\n")
    assert await build_router(Two(server, second), acks=(1, 0.5)).confirm(TAG, SCRIPT, (), ()) == (5, True)
    assert [words[0] for words in second.commands] == [b"ASKING", b"EVALSHA", b"WAIT"]
    assert len(server.named("SCRIPT")) == 1
    acks = [session for session in server.sessions if any(words[0] == b"EVALSHA" for words in session.commands)]
    assert len(acks) == 3, "the cut and the demotion each cost a connection"


async def test_without_a_group_memory_is_enough(server: ScriptedServer, build_router: Callable[..., Router]) -> None:
    server.on("EVALSHA", b":1\r\n")
    assert await build_router().confirm(TAG, SCRIPT, (), ()) == (1, True)
    assert server.named("WAIT") == []


async def test_closing_fails_what_waits_for_replicas(
    server: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    server.on("WAIT", SILENCE)
    router = build_router(timeout=60, acks=(1, 30))
    calls = [asyncio.create_task(router.confirm(TAG, SCRIPT, (), ())) for _ in range(2)]
    await until(lambda: bool(server.named("WAIT")))
    calls.append(asyncio.create_task(router.confirm(TAG, SCRIPT, (), ())))
    await asyncio.sleep(0)
    await router.close()
    for call in calls:
        with pytest.raises(Unavailable, match="was closed"):
            await call
