"""Waiting for conditions instead of sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], bool], timeout: float = 20) -> None:
    """Returns when the condition holds; fails after `timeout` seconds."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)


async def eventually(condition: Callable[[], Awaitable[bool]], timeout: float = 20) -> None:
    """As `until`, for a condition that asks somebody."""
    async with asyncio.timeout(timeout):
        while not await condition():
            await asyncio.sleep(0.02)
