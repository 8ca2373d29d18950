"""The HTTP side of a model server: its connections, its patience, and what its failures mean.

The stream is read here and by our own parsers, with aiohttp and msgspec: a provider's SDK costs an order of magnitude
more processor time for each token, and that, not Redis, would then bound how many replies one worker can run.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import msgspec
from pydantic import SecretStr

from unbroken.models.silence import Silence
from unbroken.models.trouble import ModelError, from_answer
from unbroken.types import Piece

LONGEST_WAIT = 30.0
"""Seconds. A server that asks for more is not waited for: the user is told instead."""

NETWORK = (aiohttp.ClientError, TimeoutError, OSError)
"""What a request raises when the server cannot be reached, breaks off, or is silent."""

_encode = msgspec.json.Encoder().encode


class Reader(Protocol):
    """Makes pieces of a server's bytes, without touching a socket.

    Attributes:
        trouble: why nothing more comes.
    """

    trouble: ModelError | None

    def feed(self, chunk: bytes) -> list[Piece]:
        """Takes the next bytes of a stream."""

    def close(self) -> list[Piece]:
        """The stream is over."""

    def whole(self, body: bytes) -> list[Piece]:
        """Takes an answer that is no stream."""


class Server:
    """One server, with a pool of connections.

    Args:
        url: base URL, with its /v1.
        key: sent as a bearer token; None sends none.
        timeout: longest silence in seconds.
        retries: how often to repeat a request that failed in passing.
    """

    def __init__(self, url: str, key: SecretStr | None, timeout: float, retries: int) -> None:
        self.url = url.rstrip("/")
        self.host = urlsplit(url).hostname
        self.timeout = timeout
        self._key = key
        self._retries = retries
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Opens the pool of connections."""
        headers = {"Authorization": f"Bearer {self._key.get_secret_value()}"} if self._key else {}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(10.0, self.timeout), sock_read=self.timeout)
        # this machine is not behind a proxy, and llama.cpp closes a connection behind a stream without saying so
        here = self.host in ("localhost", "127.0.0.1", "::1")
        connector = aiohttp.TCPConnector(limit=0, force_close=here)
        self._http = aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers, trust_env=not here)

    async def close(self) -> None:
        """Closes the pool of connections."""
        if self._http is not None:
            await self._http.close()

    async def post(self, path: str, body: Any = None) -> aiohttp.ClientResponse:
        """Asks, and returns the answer once it has begun well.

        Raises:
            ModelError: the server refuses.
            NETWORK: it does not answer.
        """
        assert self._http is not None, "start() comes first"
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        data = None if body is None else _encode(body)
        return await self._check(await self._http.post(f"{self.url}{path}", data=data, headers=headers))

    async def get(self, path: str) -> aiohttp.ClientResponse:
        """Like `post`."""
        assert self._http is not None, "start() comes first"
        return await self._check(await self._http.get(f"{self.url}{path}"))

    async def read(self, response: aiohttp.ClientResponse, reader: Reader) -> AsyncGenerator[list[Piece], None]:
        """The pieces of an answer, as they come.

        Raises:
            ModelError: the reader's trouble, behind the pieces before it.
            NETWORK: the server breaks off, or is silent for too long.
        """
        if response.content_type == "application/json":
            yield reader.whole(await response.read())
        else:
            with Silence(response, self.timeout) as silence:
                while reader.trouble is None and (chunk := await response.content.readany()):
                    silence.read += len(chunk)
                    yield reader.feed(chunk)
            if reader.trouble is None:
                yield reader.close()
        if reader.trouble is not None:
            raise reader.trouble

    async def models(self) -> list[Any]:
        """The models that the server lists, in its words."""
        async with await self.get("/models") as response:
            try:
                found: list[Any] = msgspec.json.decode(await response.read())["data"]
                return list(found)
            except (msgspec.DecodeError, LookupError, TypeError):
                return []

    async def _check(self, response: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
        """Raises what an answer with an error status means."""
        if response.status < 300:
            return response
        async with response:
            body = await response.content.read(10_000)
        if self._key is not None:  # some servers repeat the key that they refuse
            body = body.replace(self._key.get_secret_value().encode(), b"***")
        raise from_answer(response.status, body, response.headers.get("Retry-After"), response.headers.get("Date"))

    def lost(self, error: Exception, *, spoke: bool) -> ModelError:
        """What it means that the server could not be reached, or broke off after it `spoke`."""
        what = f"{type(error).__name__}: {error}"
        if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError):
            return ModelError("model_silent", f"{self.host} was silent for {self.timeout:g} s")
        if spoke:
            return ModelError("model_cut", f"{self.host} broke off: {what}")
        passing = not isinstance(error, aiohttp.InvalidURL)
        return ModelError("model_unavailable", f"{self.host} does not answer: {what}", passing=passing)

    async def pause(self, trouble: ModelError, tries: int) -> None:
        """Waits for the time to try again, after so many tries.

        Raises:
            ModelError: it is no use, or the server asks for too much patience.
        """
        if tries >= self._retries or not trouble.passing or (trouble.retry_after or 0.0) > LONGEST_WAIT:
            raise trouble
        await asyncio.sleep(_pause(tries, trouble.retry_after))


def _pause(tries: int, asked: float | None) -> float:
    """Seconds before the next try: what the server asked for, else growing; always with jitter."""
    if asked is not None:
        return asked + random.uniform(0, 0.25)  # noqa: S311 - jitter needs no secrecy
    return random.uniform(0.5, 1.0) * min(8.0, 2.0 ** (tries - 1))  # noqa: S311
