"""Noticing that the server died or hangs, and starting it again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable

import pytest
import redis.asyncio

from tests.conftest import StartValkey
from unbroken.embedded import Embedded
from unbroken.errors import ConfigurationError


@contextlib.asynccontextmanager
async def watched(server: Embedded) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(server.watch())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.01)


def restarted(server: Embedded, before: int | None) -> Callable[[], bool]:
    """Another process, which has loaded its data; while it loads it is alive for `check` already."""
    return lambda: server.pid != before and server._ping(1.0) == b"+PONG\r\n"


@pytest.fixture
def server(private_valkey: StartValkey, monkeypatch: pytest.MonkeyPatch) -> Embedded:
    monkeypatch.setattr("unbroken.embedded.server.POLLS_PER_PING", 1)
    server = private_valkey()
    server._patience = 20.0  # nobody takes a busy server for a hung one
    return server


async def test_a_killed_server_comes_back_with_its_data(server: Embedded, caplog: pytest.LogCaptureFixture) -> None:
    async with redis.asyncio.from_url(server.address) as client:
        await client.set("acknowledged", 1)
    async with watched(server):
        before = server.pid
        assert before
        os.kill(before, signal.SIGKILL)
        await until(restarted(server, before))
        async with redis.asyncio.from_url(server.address) as client:
            assert await client.get("acknowledged") == b"1"
    assert "was killed by signal 9; starting it again" in caplog.text


async def test_a_hung_server_is_replaced(server: Embedded, caplog: pytest.LogCaptureFixture) -> None:
    server._patience = 0.3
    async with watched(server):
        before = server.pid
        assert before
        os.kill(before, signal.SIGSTOP)
        await until(restarted(server, before))
    assert "does not answer; starting it again" in caplog.text


async def test_one_missed_ping_is_no_reason(server: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    before = server.pid or 0
    answers: list[bool] = []
    real = server.check

    def check(timeout: float = 1.0) -> bool:
        # The server pauses during every second PING.
        pause = len(answers) % 2 == 0
        if pause:
            os.kill(before, signal.SIGSTOP)
        answers.append(real(0.3 if pause else timeout))
        os.kill(before, signal.SIGCONT)
        return answers[-1]

    monkeypatch.setattr(server, "check", check)
    async with watched(server) as task:
        await until(lambda: len(answers) >= 6)
        assert answers[:6] == [False, True] * 3
        assert (server.pid, task.done()) == (before, False)


async def test_quick_exits_in_a_row_end_it_with_the_log(server: Embedded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    (server.data_dir / "appendonlydir").rename(server.data_dir / "gone")
    (server.data_dir / "appendonlydir").touch()  # as a full disk would, it makes every start fail
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    async with watched(server) as task, asyncio.timeout(20):
        with pytest.raises(ConfigurationError, match=r"(?s)exited with code 1, 3 times in a row; .*Not a directory"):
            await task
    assert caplog.text.count("starting it again") == 2


async def test_a_death_after_a_steady_life_starts_a_new_count(
    server: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unbroken.embedded.server.STEADY", 0.0)
    async with watched(server):
        for _ in range(4):
            before = server.pid
            assert before
            os.kill(before, signal.SIGKILL)
            await until(restarted(server, before))
