"""Requests to a deployment: one server after the other until one answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec

from unbroken.client.backoff import Backoff
from unbroken.client.conversation import refusal
from unbroken.errors import NotAuthenticated, RateLimited, Unavailable, Unreachable
from unbroken.protocol import Error


class Http:
    """Sends requests that may be repeated.

    Args:
        urls: base URLs of the deployment's servers.
        timeout: seconds that a request may take in all, tries included.
    """

    def __init__(self, urls: Sequence[str], timeout: float) -> None:
        self._urls = urls
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        path: str,
        secret: str | None,
        query: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> bytes:
        """Returns the body of the first success.

        Args:
            method: of HTTP; the request must be one that may be repeated.
            path: on every server.
            query: parameters.
            body: sent as JSON.
            secret: goes into `Authorization: Bearer`.

        Raises:
            Refused: a server answered that this will never succeed.
            Unavailable: those that answered could not do it in time.
            Unreachable: none answered in time.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=True)
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        backoff = Backoff(len(self._urls))
        tries, reason, told = 0, "no answer", ""
        try:
            async with asyncio.timeout(self._timeout):
                while True:
                    url = self._urls[tries % len(self._urls)]
                    tries += 1
                    pause = backoff.next()
                    try:
                        async with self._session.request(
                            method, url + path, params=query, headers=headers, json=body
                        ) as answer:
                            return _success(answer.status, await answer.read(), answer.headers.get("Retry-After", ""))
                    except RateLimited as error:
                        told, pause = f"{url}: {error}", max(pause, error.retry_after or 0.0)
                    except Unavailable as error:
                        told = f"{url}: {error}"
                    except aiohttp.ClientConnectorError:
                        reason = "nobody listens there"
                    except (aiohttp.ClientError, OSError) as error:
                        reason = str(error) or type(error).__name__
                    await asyncio.sleep(pause)
        except TimeoutError:
            raise out_of_time(self._urls, reason, told) from None

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def out_of_time(urls: Sequence[str], reason: str, told: str) -> Unavailable:
    """What is raised in the end.

    Args:
        urls: where somebody was looked for.
        reason: why nobody was found.
        told: who was found nevertheless and what it answered; empty if there was nobody.
    """
    if told:
        return Unavailable(f"the chat server cannot do this now: {told}")
    return Unreachable(f"no chat server at {' or '.join(urls)}: {reason}")


class _Said(msgspec.Struct):
    message: str
    code: str = ""


class _Tutorial(msgspec.Struct):
    msg: str


class _Problem(msgspec.Struct):
    """The body of an error: `{"error": …}`, or on the paths of the tutorial `{"detail": …}`."""

    error: _Said | None = None
    detail: str | _Tutorial | None = None
    msg: str = ""


def _success(status: int, body: bytes, retry_after: str) -> bytes:
    """The body, or what the status stands for as an exception."""
    if status < 400:
        return body
    code, text = _problem(body)
    text = text or f"the server answered HTTP {status}"
    if status >= 500:
        raise Unavailable(text)
    if status == 429:
        raise RateLimited(text, retry_after=float(retry_after) if retry_after.isdecimal() else 1.0)
    if status in (401, 403):
        raise NotAuthenticated(text)
    raise refusal(Error(code, text))


def _problem(body: bytes) -> tuple[str, str]:
    """Code and message of an error, as far as the body tells."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except msgspec.DecodeError:
        return "", ""
    if problem.error:
        return problem.error.code, problem.error.message
    return "", problem.detail.msg if isinstance(problem.detail, _Tutorial) else problem.detail or problem.msg
