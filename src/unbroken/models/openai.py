"""Speaks to every server with OpenAI's chat completions: OpenAI, Hugging Face's router, vLLM, Ollama, llama.cpp.

It reads the stream itself, with aiohttp and msgspec: a provider's SDK costs an order of magnitude more processor time
for each token, and that, not Redis, would then bound how many replies one worker can run.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
from pydantic import SecretStr

from unbroken.models.completion import Completion
from unbroken.models.silence import Silence
from unbroken.models.trouble import ModelError, from_answer
from unbroken.turn import Turn
from unbroken.types import Piece, Role

LONGEST_WAIT = 30.0
"""Seconds. A server that asks for more is not waited for: the user is told instead."""


class OpenAI:
    """One model on one server.

    Args:
        url: base URL, with its /v1.
        model: the model's name; empty takes the first one that the server lists.
        key: sent as a bearer token; None sends none.
        system_prompt: put before every conversation.
        timeout: longest silence of the server in seconds, before and between tokens.
        retries: how often to repeat a request that failed in passing before its first token.
    """

    continues = False

    def __init__(
        self,
        url: str,
        model: str = "",
        key: SecretStr | None = None,
        *,
        system_prompt: str | None = None,
        timeout: float = 60.0,
        retries: int = 3,
    ) -> None:
        self.name = f"{model or 'the model'} at {urlsplit(url).hostname}"
        self._url = url.rstrip("/")
        self._model = model
        self._key = key
        self._system = system_prompt
        self._timeout = timeout
        self._retries = retries
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Opens the pool of connections."""
        headers = {"Authorization": f"Bearer {self._key.get_secret_value()}"} if self._key else {}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(10.0, self._timeout), sock_read=self._timeout)
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=timeout, headers=headers, trust_env=True
        )

    async def close(self) -> None:
        """Closes the pool of connections."""
        if self._http is not None:
            await self._http.close()

    async def reply(self, turn: Turn) -> AsyncIterator[Piece]:
        """Streams the model's answer.

        Raises:
            ModelError: the server failed for good, or after its first token.
        """
        spoke = False
        tries = 0
        while True:
            try:
                completion = Completion()
                async with await self._post(turn) as response:
                    if response.content_type == "application/json":
                        for piece in completion.whole(await response.read()):
                            yield piece
                        return
                    with Silence(response, self._timeout) as silence:
                        while chunk := await response.content.readany():
                            silence.read += len(chunk)
                            for piece in completion.feed(chunk):
                                spoke = True
                                yield piece
                    for piece in completion.close():
                        yield piece
                    return
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                trouble = self._lost(error, spoke)
            except ModelError as error:
                trouble = error
            if spoke or tries >= self._retries or not trouble.passing or (trouble.retry_after or 0.0) > LONGEST_WAIT:
                raise trouble
            await asyncio.sleep(_pause(tries, trouble.retry_after))
            tries += 1

    async def _post(self, turn: Turn) -> aiohttp.ClientResponse:
        """Asks, and returns the answer once it has begun well."""
        assert self._http is not None, "start() comes first"
        if not self._model:
            self._model = await self._first_model(self._http)
        request = {"model": self._model, "messages": self._conversation(turn), "stream": True}
        response = await self._http.post(
            f"{self._url}/chat/completions",
            data=msgspec.json.encode(request),
            headers={"Content-Type": "application/json", "Accept": "text/event-stream"},
        )
        await self._check(response)
        return response

    def _conversation(self, turn: Turn) -> list[dict[str, str]]:
        """The turn in the model's words. Replies that failed before they said anything are left out."""
        system = [{"role": "system", "content": self._system}] if self._system else []
        return system + [
            {"role": "user" if message.role is Role.USER else "assistant", "content": message.msg}
            for message in turn.messages
            if message.msg
        ]

    async def _first_model(self, http: aiohttp.ClientSession) -> str:
        async with http.get(f"{self._url}/models") as response:
            await self._check(response)
            try:
                models: list[Any] = msgspec.json.decode(await response.read())["data"]
                return str(models[0]["id"])
            except (msgspec.DecodeError, LookupError, TypeError):
                raise ModelError("model_unknown", "the model server lists no model; set MODEL") from None

    async def _check(self, response: aiohttp.ClientResponse) -> None:
        """Raises what an answer with an error status means."""
        if response.status < 300:
            return
        async with response:
            body = await response.content.read(10_000)
        if self._key is not None:  # some servers repeat the key that they refuse
            body = body.replace(self._key.get_secret_value().encode(), b"***")
        raise from_answer(response.status, body, response.headers.get("Retry-After"), response.headers.get("Date"))

    def _lost(self, error: Exception, spoke: bool) -> ModelError:
        host = urlsplit(self._url).hostname
        what = f"{type(error).__name__}: {error}"
        if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError):
            return ModelError("model_silent", f"{host} was silent for {self._timeout:g} s")
        if spoke:
            return ModelError("model_cut", f"{host} broke off: {what}")
        passing = not isinstance(error, aiohttp.InvalidURL)
        return ModelError("model_unavailable", f"{host} does not answer: {what}", passing=passing)


def _pause(tries: int, asked: float | None) -> float:
    """Seconds before the next try: what the server asked for, else growing; always with jitter."""
    if asked is not None:
        return asked + random.uniform(0, 0.25)  # noqa: S311 - jitter needs no secrecy
    return random.uniform(0.5, 1.0) * min(8.0, 2.0 ** (tries - 1))  # noqa: S311
