"""Wakes everyone who waits for something to change."""

from __future__ import annotations

import asyncio


class Bell:
    """A condition without a lock, for one event loop.

    Nothing is missed if a waiter looks at the state and calls `wait` without awaiting in between. One that must await
    takes `next` first, then looks, and waits for that.
    """

    def __init__(self) -> None:
        self.next = asyncio.Event()

    def ring(self) -> None:
        """Wakes all who wait now."""
        self.next.set()
        self.next = asyncio.Event()

    async def wait(self) -> None:
        """Returns when the bell rings next."""
        await self.next.wait()
