"""Clients of Unbroken that lose their connection in the middle of a reply, and come back with their cursor."""

from __future__ import annotations

import asyncio
import time
from collections import deque

import aiohttp

from benchmarks.bot import question
from benchmarks.load import usage
from benchmarks.load.spec import Resumed, Spec
from benchmarks.load.tally import percentile
from benchmarks.load.trouble import Trouble
from benchmarks.load.websocket import WebSocket

MISSED = 5
"""Events that a client pretends not to have seen."""
AT_ONCE = 16
"""Clients that come back at the same time."""
CHUNKS = 100_000
"""More than is said while this runs; in the end the replies are cancelled."""
PATIENCE = 30.0


class Follower(WebSocket):
    """A connection that keeps the last cursors.

    Args:
        cursor: where it was; None at the first time.

    Attributes:
        ready: done when the first event came that it had missed, or, without a cursor, the snapshot.
        missed: done when it has enough cursors to go back to the oldest.
        stopped: done when the reply is over.
    """

    def __init__(self, host: str, token: str, cursor: str | None = None) -> None:
        path = "/chat" if cursor is None else f"/chat?cursor={cursor}"
        super().__init__(host, path, ("unbroken.v1", f"unbroken.token.{token}"))
        loop = asyncio.get_running_loop()
        self.cursors: deque[str] = deque(maxlen=MISSED)
        self.ready: asyncio.Future[None] = loop.create_future()
        self.missed: asyncio.Future[None] = loop.create_future()
        self.stopped: asyncio.Future[None] = loop.create_future()
        self._cursor = cursor
        self._host, _, self._port = host.partition(":")

    async def connect(self) -> None:
        """Connects, and waits until it is ready."""
        await asyncio.get_running_loop().create_connection(lambda: self, self._host, int(self._port))
        await asyncio.wait_for(self.ready, PATIENCE)

    def text(self, payload: bytes) -> None:
        """Reads type and cursor."""
        at = payload.index(b'"type":"') + 8
        kind = payload[at : payload.index(b'"', at)]
        if kind == b"snapshot":
            if self._cursor:
                self.fail("it was given a snapshot instead of what it had missed")
            else:
                _done(self.ready)
        elif kind == b"reply.delta":
            _done(self.ready)
            self.cursors.append(payload[11 : payload.index(b'"', 11)].decode())
            if len(self.cursors) == MISSED:
                _done(self.missed)
        elif kind == b"reply.cancelled":
            _done(self.stopped)
        elif kind in (b"error", b"reply.failed", b"reply.completed"):
            self.fail(payload[:300].decode())

    def lost(self, reason: str) -> None:
        """Tells whoever waits."""
        for future in (self.ready, self.missed, self.stopped):
            if not future.done():
                future.set_exception(Trouble(reason))
                future.exception()  # looked at, whether somebody waits or not


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def resume(spec: Spec) -> Resumed:
    """While all replies run, clients come back, over and over; counts in a window.

    Raises:
        Trouble: one did not get what it had missed.
    """
    tokens = await _tokens(spec)
    hosts = [spec.hosts[number % len(spec.hosts)] for number in range(len(tokens))]
    followers = [Follower(host, token) for host, token in zip(hosts, tokens, strict=True)]
    for follower in followers:
        await follower.connect()
        text = question(CHUNKS, spec.interval)
        follower.send(b'{"type":"message.send","id":"m1","text":"%b"}' % text.encode())
    begin = time.monotonic() + spec.warmup
    end = begin + spec.seconds
    times: list[float] = []

    async def some(first: int) -> None:
        while time.monotonic() < end:
            for number in range(first, len(followers), at_once):
                before = followers[number]
                await asyncio.wait_for(before.missed, PATIENCE)
                before.close()
                start = time.monotonic()
                followers[number] = after = Follower(hosts[number], tokens[number], before.cursors[0])
                await after.connect()
                if begin <= start and time.monotonic() <= end:
                    times.append(time.monotonic() - start)

    at_once = min(AT_ONCE, len(followers))
    tasks = [asyncio.create_task(some(first)) for first in range(at_once)]
    await asyncio.sleep(spec.warmup)
    before, own_before = usage.cpu(spec.processes), usage.own_cpu()
    await asyncio.sleep(spec.seconds)
    used, own = usage.spent(before, usage.cpu(spec.processes)), usage.own_cpu() - own_before
    await asyncio.gather(*tasks)
    for follower in followers:
        follower.send(b'{"type":"reply.cancel","message_id":"m1"}')
    for follower in followers:
        await asyncio.wait_for(follower.stopped, PATIENCE)
        follower.close()
    return Resumed(
        sessions=len(followers),
        seconds=spec.seconds,
        resumes=len(times),
        p50=percentile(times, 0.5),
        p99=percentile(times, 0.99),
        cpu=used,
        load_cpu=own,
    )


async def _tokens(spec: Spec) -> list[str]:
    tokens = []
    async with aiohttp.ClientSession() as http:
        for number in range(spec.sessions):
            host = spec.hosts[number % len(spec.hosts)]
            async with http.post(f"http://{host}/token", params={"name": "Ada"}) as response:
                tokens.append((await response.json())["token"])
    return tokens
