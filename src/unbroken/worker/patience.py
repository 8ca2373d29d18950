"""Waiting for Redis, for what must be done and may be done later."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from unbroken.errors import Unavailable
from unbroken.worker.outbox import LONGEST_PAUSE

logger = logging.getLogger("unbroken.worker")

T = TypeVar("T")


async def insist(action: Callable[[], Awaitable[T]], session: str, what: str) -> T:
    """Does it, again and again while Redis is away or refuses; every other error is raised.

    Args:
        action: may be repeated, whether it happened or not.
        session: whose it is, and `what` is waiting, for the log.
        what: as in "the outcome".
    """
    pause = 0.1
    while True:
        try:
            return await action()
        except Unavailable as error:
            logger.debug("session %s: %s waits for Redis: %s", session, what, error)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - only spreads the load
            pause = min(LONGEST_PAUSE, pause * 2)
