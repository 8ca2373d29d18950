"""What a session does: it asks, counts what it is told, and asks again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.bot import END, STAMP, question
from benchmarks.load.tally import Tally
from benchmarks.load.websocket import WebSocket

SAMPLE = 8
"""Of so many chunks, the last is timed."""
_STAMP, _END = STAMP.encode(), END.encode()


@dataclass(slots=True)
class Script:
    """What all sessions of a run do.

    Attributes:
        chunks: chunks in a reply.
        interval: seconds between them, 0 for none.
        think: seconds between a reply and the next question.
        on_idle: told when a session that was asked to stop has its last reply.
        failed: done when a session was lost, with the reason; then the run is over.
    """

    chunks: int
    interval: float
    think: float
    tally: Tally
    on_idle: Callable[[], None]
    stopping: bool = False
    failed: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Session(WebSocket):
    """A session of no contender in particular: dialects say how it asks, and what a text is.

    Attributes:
        ready: done when it may ask.
    """

    def __init__(self, script: Script, host: str, path: str, protocols: tuple[str, ...] = ()) -> None:
        super().__init__(host, path, protocols)
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.script = script
        self._question = question(script.chunks, script.interval)
        self._chunks = 0
        self._asked = 0.0
        self._started = 0.0

    def ask(self) -> None:
        """Asks, and goes on to do so after each reply, until the script says to stop."""
        self._chunks = 0
        self._asked = time.monotonic()
        self.send(self.message(self._question))

    def message(self, text: str) -> bytes:
        """How this contender is sent a text."""
        return text.encode()

    def opened(self) -> None:
        """Dialects with a greeting of their own override it."""
        self.be_ready()

    def lost(self, reason: str) -> None:
        """Ends the run."""
        if not self.script.failed.done():
            self.script.failed.set_result(reason)

    def be_ready(self) -> None:
        """From now on it may ask."""
        if not self.ready.done():
            self.ready.set_result(None)

    def said(self, payload: bytes) -> None:
        """Counts the chunks in a piece of a reply."""
        self._count(payload, payload.count(_END))

    def concluded(self, payload: bytes) -> None:
        """Counts what is new in the whole text of a reply, which came at its end; then it is complete."""
        self._count(payload, payload.count(_END) - self._chunks)
        self.done()

    def _count(self, payload: bytes, count: int) -> None:
        if not count:
            return
        script, tally = self.script, self.script.tally
        before = self._chunks
        self._chunks = now_there = before + count
        tally.frames += 1
        tally.chunks += count
        if not before:
            stamp = payload.index(_STAMP) + 1
            self._started = int(payload[stamp : payload.index(_END, stamp)]) / 1e6
            tally.starts.append(time.monotonic() - self._asked)
        if script.interval and before // SAMPLE != now_there // SAMPLE:
            late = time.monotonic() - self._started
            for group in range(before // SAMPLE + 1, now_there // SAMPLE + 1):
                tally.delays.append(late - (group * SAMPLE - 1) * script.interval)

    def done(self) -> None:
        """The reply is complete."""
        if self._chunks != self.script.chunks:
            self.fail(f"{self._chunks} chunks came instead of {self.script.chunks}")
            return
        self.script.tally.replies += 1
        if self.script.stopping:
            self.script.on_idle()
        elif self.script.think:
            asyncio.get_running_loop().call_later(self.script.think, self._ask_again)
        else:
            self.ask()

    def _ask_again(self) -> None:
        if self.script.stopping:
            self.script.on_idle()
        else:
            self.ask()
