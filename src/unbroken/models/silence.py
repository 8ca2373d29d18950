"""Bounds how long a model may be silent in the middle of its answer.

aiohttp's own bound sets a timer anew for each piece that comes; this one looks now and then whether any did.
"""

from __future__ import annotations

import asyncio
from typing import Self

import aiohttp

LOOKS = 8
"""How often to look in the time that a silence may last; it is noticed at most one look later."""


class Silence:
    """Watches a response, once its head is there; used as `with`.

    A silence makes whoever reads the body fail with SocketTimeoutError, as aiohttp's bound does. Data that nobody
    read yet are no silence, nor is the end of the body.

    Args:
        limit: seconds that a silence may last.

    Attributes:
        read: bytes of the body that were read; to be kept up to date by who reads them.
    """

    def __init__(self, response: aiohttp.ClientResponse, limit: float) -> None:
        self._body = response.content
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self.read = 0
        self._came = 0
        self._since = self._loop.time()
        if response.connection is not None and response.connection.protocol is not None:
            # the timer that is set already still bounds the wait for the first byte
            response.connection.protocol.read_timeout = None

    def __enter__(self) -> Self:
        self._timer = self._loop.call_later(self._limit / LOOKS, self._look)
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        if self._body.is_eof():
            return
        now, came = self._loop.time(), self._body.total_bytes
        if came != self._came or came != self.read:
            self._came, self._since = came, now
        elif now - self._since >= self._limit:
            self._body.set_exception(aiohttp.SocketTimeoutError(f"nothing came for {self._limit:g} s"))
            return
        self._timer = self._loop.call_later(self._limit / LOOKS, self._look)
