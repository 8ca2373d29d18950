"""The worker's process: its event loop, its signals, its log."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal

import uvloop

from unbroken import descriptors
from unbroken.backend import Backend
from unbroken.config import Settings
from unbroken.worker.bots import Bots
from unbroken.worker.worker import Worker


def work(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT, then drains and returns; a second signal hands everything back at once.

    Raises:
        ConfigurationError: the settings name a bot or a Redis that cannot work; the message says what to change.
        Unavailable: Redis does not answer.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("unbroken").setLevel(settings.log_level.upper())
    descriptors.raise_limit(logging.getLogger("unbroken.worker"))
    bots = Bots.load(settings)
    # what was loaded until now stays: the garbage collector need not look at it again
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    uvloop.run(_work(settings, bots))


async def _work(settings: Settings, bots: Bots) -> None:
    backend = await Backend.open(settings)
    try:
        worker = Worker(backend, bots)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stop)
        await worker.run()
    finally:
        await backend.close()
