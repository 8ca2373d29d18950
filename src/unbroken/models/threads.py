"""Runs bots that block: each reply in one thread from its first line to its last.

One thread for a whole reply, and not one call for each item, because what such bots use (database connections,
thread-local clients) often may not change threads. The threads are daemons: one that hangs in a call does not keep
a stopping process alive. What a turn offers to be awaited, such a bot hands to `wait`.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from unbroken.turn import Turn
from unbroken.types import Piece

AHEAD = 256
"""How many pieces a thread may be ahead of the event loop."""

_T = TypeVar("_T")
_here: contextvars.ContextVar[_Relay] = contextvars.ContextVar("relay")


def wait(awaitable: Awaitable[_T]) -> _T:
    """Awaits something for a plain bot, in its thread.

    For example `answer = wait(turn.ask("Shall I?"))`. It begins when everything that the bot said before is taken.

    Raises:
        RuntimeError: this is not the thread of a plain bot.
    """
    relay = _here.get(None)
    if relay is None:
        raise RuntimeError("wait() is for plain bots, in the thread that runs them; anything else uses await")
    return relay.wait(awaitable)


class Stopped(BaseException):
    """Raised in the thread of a bot that waits for something when its reply is over."""


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
        context.run(_here.set, relay)
        threading.Thread(
            target=context.run, args=(relay.produce, produce), name=f"reply {turn.session}", daemon=True
        ).start()
        try:
            while not relay.ended.is_set():
                await relay.news.wait()
                relay.news.clear()
                while relay.pieces:
                    piece = relay.next()
                    if isinstance(piece, _Errand):
                        await piece.run()
                    else:
                        yield piece
            relay.check()
        finally:
            relay.stop()
            await relay.ended.wait()


class _Errand:
    """Something that a thread waits for."""

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self._awaitable = awaitable
        self._begun = False
        self.result: Future[Any] = Future()

    async def run(self) -> None:
        self._begun = True
        try:
            result = await self._awaitable
        except Exception as error:
            self.result.set_exception(error)
        else:
            self.result.set_result(result)

    def drop(self) -> None:
        """Lets go of what was not begun, which a coroutine complains about otherwise."""
        close = getattr(self._awaitable, "close", None)
        if not self._begun and close is not None:
            close()


class _Relay:
    """Carries pieces from one thread to the event loop, bounded, in order."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._release = release
        self.pieces: deque[Piece | _Errand] = deque()
        self._errand: _Errand | None = None
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
                if not self._put(piece):
                    break
        except BaseException as error:  # the thread's whole purpose: whatever it is, the reply hears of it
            self._error = error
        finally:
            if hasattr(items, "close"):
                self._close(items.close)
            self._tell(self._end)

    def wait(self, awaitable: Awaitable[_T]) -> _T:
        self._errand = errand = _Errand(awaitable)
        try:
            if self._put(errand):
                result: _T = errand.result.result()
                return result
        except CancelledError:
            pass
        errand.drop()
        raise Stopped

    def _put(self, piece: Piece | _Errand) -> bool:
        """Hands something over, as soon as there is room; False if nobody takes it any more."""
        self._room.acquire()
        if not self._stopped:
            self.pieces.append(piece)
            self._tell(self.news.set)
        return not self._stopped

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
        if self._errand is not None:
            self._errand.result.cancel()

    def _end(self) -> None:
        self._release()
        self.ended.set()
        self.news.set()

    def next(self) -> Piece | _Errand:
        self._room.release()
        return self.pieces.popleft()

    def check(self) -> None:
        """Raises what the bot raised, if it did."""
        if self._error is not None:
            raise self._error
