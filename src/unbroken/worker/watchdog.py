"""Names the bot that blocks the event loop, where nothing else could: from a thread."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback

logger = logging.getLogger("unbroken.worker")

_FRAMES = 6
"""Innermost frames that a warning shows."""


class Watchdog:
    """Warns once for each time that the event loop stands still: with the task that runs, and where it is.

    A stopped process, or a machine that slept, is not mistaken for a blocked loop. Where the machine has no time for
    the thread that watches, a warning may be late, or missing.

    Args:
        limit: seconds without a turn of the loop after which it warns.
        bot: name of the bot, for the warning.
    """

    def __init__(self, limit: float, bot: str) -> None:
        self._limit = limit
        self._bot = bot
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self._turned = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begins to watch the running loop."""
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Stops watching."""
        self._stopped.set()
        self._timer.cancel()

    def _beat(self) -> None:
        self._turned = time.monotonic()
        self._timer = self._loop.call_later(self._limit / 4, self._beat)

    # In the thread

    def _watch(self) -> None:
        period = self._limit / 4
        slept_from = time.monotonic()
        frozen_at = warned_at = 0.0
        while not self._stopped.wait(period):
            now = time.monotonic()
            if now - slept_from > 2 * period:
                frozen_at = now  # this thread did not run either: the whole process stood still
            slept_from = now
            turned = max(self._turned, frozen_at)
            if now - turned > self._limit and warned_at != turned:
                warned_at = turned
                self._warn(now - turned)

    def _warn(self, seconds: float) -> None:
        frame = sys._current_frames().get(self._thread_id)
        stack = "".join(traceback.format_stack(frame)[-_FRAMES:]) if frame is not None else ""
        task = asyncio.current_task(self._loop)
        logger.warning(
            "the event loop has been blocked for %.1f s: bot %s, %s; every reply of this worker waits. "
            "Use await or a plain function, which runs in a thread.\n%s",
            seconds,
            self._bot,
            task.get_name() if task is not None else "outside of any task",
            stack.rstrip(),
        )
