"""One subscription for each session that somebody watches here, however many watch it.

The hub parses every live message once and hands it to the watchers of its session. It also looks after what nobody
would notice otherwise: sessions that are watched stay alive, and a subscription that died silently is found, because
a quiet session compares its position with Redis now and then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Protocol

from unbroken.backend import Backend
from unbroken.cursor import Cursor
from unbroken.errors import RateLimited, SessionGone, Unavailable
from unbroken.keys import SessionKeys
from unbroken.log import Entry
from unbroken.server.bounds import Bounds

log = logging.getLogger(__name__)

BATCH = 100
"""Sessions that are looked after at once."""


class Watcher(Protocol):
    """Who is told what happens in a session. No method may block or raise."""

    def entry(self, entry: Entry) -> None:
        """A live entry came; entries before it may have been lost."""

    def gap(self) -> None:
        """Live entries were lost, or may have been."""

    def position(self, newest: Cursor) -> None:
        """The newest position in Redis, now."""

    def gone(self) -> None:
        """The session expired or was deleted."""


class _Channel:
    """One watched session."""

    __slots__ = ("keys", "quiet", "renewed", "session", "subscribing", "watchers")

    def __init__(self, session: str, keys: SessionKeys) -> None:
        self.session = session
        self.keys = keys
        self.subscribing: asyncio.Task[None] | None = None
        self.watchers: set[Watcher] = set()
        self.quiet = False
        self.renewed = time.monotonic()


class Hub:
    """The subscriptions of one process.

    Args:
        backend: Redis; its settings say how many watchers a session may have and how long it lives.
        bounds: how often quiet sessions are checked.
    """

    def __init__(self, backend: Backend, bounds: Bounds) -> None:
        self._backend = backend
        self._live = backend.redis.live(self._message, self._gap)
        self._channels: dict[str, _Channel] = {}
        ttl = backend.settings.session_ttl
        self._renewal = ttl / 3 if ttl else float("inf")
        self._interval = min(bounds.idle_check, self._renewal)
        self._rounds: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connects for live messages."""
        await self._live.start()
        self._rounds = asyncio.create_task(self._look_after())

    async def close(self) -> None:
        """Ends every subscription."""
        if self._rounds is not None:
            self._rounds.cancel()
        await self._live.close()

    @property
    def sessions(self) -> int:
        """How many sessions are watched."""
        return len(self._channels)

    async def attach(self, session: str, watcher: Watcher) -> None:
        """Adds a watcher. When this returns, everything that is published from now on reaches it, or a gap does.

        The session's time to live is renewed, now and for as long as somebody watches.

        Raises:
            RateLimited: the session has as many watchers here as it may.
            SessionGone: it expired or was deleted.
            Unavailable: Redis does not answer.
        """
        keys = self._backend.keys.session(session)
        channel = self._channels.get(keys.events)
        if channel is None:
            channel = self._channels[keys.events] = _Channel(session, keys)
            channel.subscribing = asyncio.create_task(self._subscribe(channel))
        elif len(channel.watchers) >= self._backend.settings.sockets_per_session:
            raise RateLimited("as many connections watch this session as may", retry_after=5.0)
        channel.watchers.add(watcher)
        try:
            if channel.subscribing is not None:
                await asyncio.shield(channel.subscribing)
        except BaseException:
            self._drop(channel, watcher)
            raise

    def detach(self, session: str, watcher: Watcher) -> None:
        """Removes a watcher; with the last one the subscription ends."""
        channel = self._channels.get(self._backend.keys.session(session).events)
        if channel is not None:
            self._drop(channel, watcher)

    def _drop(self, channel: _Channel, watcher: Watcher) -> None:
        channel.watchers.discard(watcher)
        if not channel.watchers and self._channels.get(channel.keys.events) is channel:
            del self._channels[channel.keys.events]
            if channel.subscribing is not None:
                channel.subscribing.cancel()
            self._live.unsubscribe(channel.keys.events, channel.keys.tag)

    async def _subscribe(self, channel: _Channel) -> None:
        await self._live.subscribe(channel.keys.events, channel.keys.tag)
        await self._backend.store.touch(channel.session)
        channel.subscribing = None

    # Called by the live connection

    def _message(self, name: str, payload: bytes) -> None:
        channel = self._channels.get(name)
        if channel is None:
            return
        channel.quiet = False
        try:
            entry = Entry.from_live(payload)
        except (ValueError, KeyError, IndexError):
            log.warning("a live message on %s is not one of ours; its watchers read the log", name)
            self._gap(name)
            return
        for watcher in channel.watchers:
            watcher.entry(entry)

    def _gap(self, name: str) -> None:
        channel = self._channels.get(name)
        if channel is not None:
            for watcher in channel.watchers:
                watcher.gap()

    # Now and then

    async def _look_after(self) -> None:
        while True:
            channels = list(self._channels.values())
            batches = [channels[i : i + BATCH] for i in range(0, len(channels), BATCH)] or [[]]
            for batch in batches:
                await asyncio.sleep(self._interval / len(batches))
                await asyncio.gather(*(self._visit(channel) for channel in batch))

    async def _visit(self, channel: _Channel) -> None:
        try:
            if time.monotonic() - channel.renewed >= self._renewal:
                await self._backend.store.touch(channel.session)
                channel.renewed = time.monotonic()
            # A busy session finds its own gaps by their sequence: only a quiet one has to ask.
            if channel.quiet:
                newest = await self._backend.log.position(channel.session)
                if newest is None:
                    raise SessionGone()
                for watcher in channel.watchers:
                    watcher.position(newest)
            channel.quiet = True
        except SessionGone:
            for watcher in channel.watchers:
                watcher.gone()
        except Unavailable:
            pass  # Redis is away; the connection for live messages says so itself
