"""The most memory that a process uses for a while."""

from __future__ import annotations

import asyncio
from typing import Self

import psutil


class Peak:
    """Watches as long as it is entered. Bytes, resident."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self.before = self.most = process.memory_info().rss

    @property
    def grown(self) -> int:
        """How much more it was, at most, than when this was made."""
        return self.most - self.before

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _watch(self) -> None:
        while True:
            self.most = max(self.most, self._process.memory_info().rss)
            await asyncio.sleep(0.05)
