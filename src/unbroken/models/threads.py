"""Runs bots that block: each reply in one thread from its first line to its last.

One thread for a whole reply, and not one call for each item, because what such bots use (database connections,
thread-local clients) often may not change threads. The threads are daemons: one that hangs in a call does not keep
a stopping process alive.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable

from unbroken.turn import Turn
from unbroken.types import Piece

AHEAD = 256
"""How many pieces a thread may be ahead of the event loop."""


class Threads:
    """A bounded number of threads for one bot.

    Args:
        limit: replies that may run at once. One that was stopped counts until its thread has really ended.
    """

    def __init__(self, limit: int) -> None:
        self._slots = asyncio.Semaphore(limit)

    async def run(self, produce: Callable[[], Iterable[Piece]], turn: Turn) -> AsyncIterator[Piece]:
        """Iterates `produce()` in a thread. When it is closed, the thread stops at its next piece."""
        await self._slots.acquire()
        relay = _Relay(self._slots.release)
        context = contextvars.copy_context()
        threading.Thread(
            target=context.run, args=(relay.produce, produce), name=f"reply {turn.session}", daemon=True
        ).start()
        try:
            while not relay.ended.is_set():
                await relay.news.wait()
                relay.news.clear()
                while relay.pieces:
                    yield relay.next()
            relay.check()
        finally:
            relay.stop()
            await relay.ended.wait()


class _Relay:
    """Carries pieces from one thread to the event loop, bounded, in order."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._release = release
        self.pieces: deque[Piece] = deque()
        self._room = threading.Semaphore(AHEAD)
        self.news = asyncio.Event()
        self._error: BaseException | None = None
        self._stopped = False
        self.ended = asyncio.Event()

    # In the thread

    def produce(self, start: Callable[[], Iterable[Piece]]) -> None:
        items: Iterable[Piece] = ()
        try:
            items = start()
            for piece in items:
                self._room.acquire()
                if self._stopped:
                    break
                self.pieces.append(piece)
                self._tell(self.news.set)
        except BaseException as error:  # the thread's whole purpose: whatever it is, the reply hears of it
            self._error = error
        finally:
            if hasattr(items, "close"):
                self._close(items.close)
            self._tell(self._end)

    def _close(self, close: Callable[[], object]) -> None:
        try:
            close()
        except BaseException as error:
            self._error = self._error or error

    def _tell(self, what: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(what)
        except RuntimeError:  # the loop is closed: nobody listens any more
            self._stopped = True

    # In the event loop

    def stop(self) -> None:
        self._stopped = True
        self._room.release()

    def _end(self) -> None:
        self._release()
        self.ended.set()
        self.news.set()

    def next(self) -> Piece:
        self._room.release()
        return self.pieces.popleft()

    def check(self) -> None:
        """Raises what the bot raised, if it did."""
        if self._error is not None:
            raise self._error
