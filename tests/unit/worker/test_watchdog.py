from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import pytest

from unbroken.worker.watchdog import Watchdog

LIMIT = 0.15


@pytest.fixture
async def watchdog() -> AsyncIterator[Watchdog]:
    watchdog = Watchdog(LIMIT, "mybot:bot")
    watchdog.start()
    yield watchdog
    watchdog.stop()


def a_careless_call() -> None:
    time.sleep(3 * LIMIT)


async def block() -> None:
    a_careless_call()


@pytest.mark.usefixtures("watchdog")
async def test_a_blocked_loop_is_told_once_each_time_with_task_and_stack(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        await asyncio.create_task(block(), name="reply to s1")
        await asyncio.sleep(LIMIT)
    first, _ = caplog.records
    assert first.levelno == logging.WARNING
    text = first.getMessage()
    assert "mybot:bot" in text
    assert "reply to s1" in text
    assert "a_careless_call" in text


async def test_a_busy_loop_that_turns_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    limit = 4 * LIMIT  # longer than a busy machine may keep this process waiting
    watchdog = Watchdog(limit, "mybot:bot")
    watchdog.start()
    end = time.monotonic() + 2 * limit
    while time.monotonic() < end:
        time.sleep(limit / 20)
        await asyncio.sleep(0)
    watchdog.stop()
    assert not caplog.records


PROGRAM = f"""
import asyncio, logging, sys
from unbroken.worker.watchdog import Watchdog
async def main():
    logging.basicConfig(stream=sys.stdout)
    Watchdog({LIMIT}, "bot").start()
    print("started", flush=True)
    await asyncio.sleep({6 * LIMIT})
asyncio.run(main())
"""


def test_a_stopped_process_is_not_mistaken_for_a_blocked_loop() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(3 * LIMIT)
        os.kill(process.pid, signal.SIGCONT)
        assert process.stdout.read() == ""
