from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from unbroken.worker import watchdog as module
from unbroken.worker.watchdog import Watchdog

LIMIT = 1.0

Nap = tuple[float, bool]
"""What happens while the watchdog's thread sleeps: how many periods that really takes, and whether the loop turns."""

TURNS: Nap = (1, True)
STANDS: Nap = (1, False)
STOPPED: Nap = (12, False)


class Naps:
    """The sleep of a watchdog's thread, on a clock of its own."""

    def __init__(self, watchdog: Watchdog, naps: Sequence[Nap]) -> None:
        self._watchdog = watchdog
        self._naps = iter(naps)
        self.now = 100.0

    def wait(self, period: float) -> bool:
        length, turns = next(self._naps, (0, False))
        self.now += length * period
        if turns:
            self._watchdog._turned = self.now
        return not length


@pytest.mark.parametrize(
    ("naps", "warnings"),
    [
        ([TURNS, *[STANDS] * 20], 1),
        ([TURNS, *[STANDS] * 6, TURNS, *[STANDS] * 6, TURNS], 2),
        ([*[STANDS] * 3, TURNS] * 5, 0),
        ([TURNS, STOPPED, STANDS, TURNS], 0),
        ([TURNS, STANDS, STANDS, STOPPED, STANDS, STANDS, TURNS], 0),
        ([TURNS, STANDS, (1.9, False), TURNS], 0),
        ([TURNS, STANDS, (3.5, False), TURNS], 0),
        ([TURNS, STOPPED, *[STANDS] * 6], 1),
    ],
)
async def test_a_loop_that_stands_still_is_told_once_each_time_and_a_process_that_does_is_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, naps: list[Nap], warnings: int
) -> None:
    clock = SimpleNamespace(monotonic=lambda: 100.0)
    monkeypatch.setattr(module, "time", clock)
    watchdog: Any = Watchdog(LIMIT, "mybot:bot")
    watchdog._stopped = slept = Naps(watchdog, naps)
    clock.monotonic = lambda: slept.now
    watchdog._watch()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * warnings


async def block(caplog: pytest.LogCaptureFixture) -> None:
    a_careless_call(caplog)


def a_careless_call(caplog: pytest.LogCaptureFixture) -> None:
    end = time.monotonic() + 60
    while not caplog.records and time.monotonic() < end:
        time.sleep(0.01)


async def test_the_warning_names_the_bot_the_task_and_the_call(caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Watchdog(0.15, "mybot:bot")
    watchdog.start()
    await asyncio.create_task(block(caplog), name="reply to s1")
    watchdog.stop()
    text = caplog.records[0].getMessage()
    assert "mybot:bot" in text
    assert "reply to s1" in text
    assert "a_careless_call" in text


PROGRAM = f"""
import asyncio, logging, sys
from unbroken.worker.watchdog import Watchdog
async def main():
    logging.basicConfig(stream=sys.stdout)
    Watchdog({LIMIT}, "bot").start()
    print("started", flush=True)
    for _ in range(8):  # it goes on when it was stopped, long enough to be warned of
        await asyncio.sleep({LIMIT / 8})
asyncio.run(main())
"""


def test_a_stopped_process_is_not_mistaken_for_a_blocked_loop() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(1.5 * LIMIT)
        os.kill(process.pid, signal.SIGCONT)
        assert process.stdout.read() == ""
