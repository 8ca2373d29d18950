"""What every bot has that speaks to a model server, in whichever of OpenAI's protocols."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from unbroken.models import titling
from unbroken.models.context import Context
from unbroken.models.limiter import Limiter
from unbroken.models.request import Request, Wishes
from unbroken.models.server import NETWORK, Server
from unbroken.models.trouble import ModelError
from unbroken.models.usage import Usage
from unbroken.types import Data, Message

logger = logging.getLogger("unbroken.models")

_FIRST_LOOK = 2.0
"""Seconds that a start waits for the server to say what it is."""

_NEXT_LOOK = 15.0
"""Seconds between later attempts: a server that is just loading its model may answer only minutes later."""


class Model:
    """One model on one server.

    Args:
        url: base URL, with its /v1.
        model: the model's name; empty takes the first one that the server lists.
        key: sent as a bearer token; None sends none.
        system_prompt: put before every conversation.
        timeout: longest silence of the server in seconds, before and between tokens.
        retries: how often to repeat a request that failed in passing before its first token.
        wishes: what else every request says.
        context_tokens: most tokens of a conversation that are sent; None: all.
        requests_per_minute: more of them wait; None: no limit.

    Attributes:
        name: for logs.
        continues: whether it goes on with partial texts; what is learned of the server changes it.
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
        wishes: Wishes = Wishes(),  # noqa: B008 - immutable
        context_tokens: int | None = None,
        requests_per_minute: float | None = None,
    ) -> None:
        self._server = Server(url, key, timeout, retries)
        self.name = f"{model or 'the model'} at {self._server.host}"
        self._model = model
        self._request = Request(url, wishes)
        self._context = Context(system_prompt, context_tokens)
        self._limiter = Limiter(requests_per_minute)
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Opens the pool of connections, and asks the server what it is; one that does not answer is asked later."""
        await self._server.start()
        if not self._curious:
            return
        try:
            async with asyncio.timeout(_FIRST_LOOK):
                await self._look()
        except NETWORK:
            self._looking = asyncio.create_task(self._look_again())

    async def close(self) -> None:
        """Closes the pool of connections."""
        if self._looking is not None:
            self._looking.cancel()
        await self._server.close()

    async def title(self, messages: Sequence[Message]) -> str | None:
        """A name for a conversation, which takes one request; None if the model finds none.

        Raises:
            ModelError: the server refuses.
            OSError, TimeoutError: it does not answer.
        """
        await self._limiter.wait()
        path, body = self._title_request(await self._model_name(), titling.question(messages))
        async with await self._server.post(path, body) as response:
            return titling.name(self._title_text(await response.read()))

    # What differs from protocol to protocol

    _curious = False
    """Whether it matters what the server is."""

    def _recognise(self, owner: str) -> None:
        """Learns who owns the server's models."""

    def _title_request(self, model: str, messages: list[Any]) -> tuple[str, dict[str, Any]]:
        raise NotImplementedError

    def _title_text(self, body: bytes) -> str:
        raise NotImplementedError

    # What does not

    async def _look(self) -> None:
        try:
            models = await self._server.models()
        except ModelError as error:
            logger.debug("%s does not list its models: %s", self._server.host, error)
        else:
            owners = (one.get("owned_by") for one in models if isinstance(one, dict))
            self._recognise(str(next(owners, "")))

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(_NEXT_LOOK)
            with contextlib.suppress(*NETWORK):
                await self._look()
                return

    async def _model_name(self) -> str:
        if not self._model:
            models = await self._server.models()
            if not models or not isinstance(models[0], dict) or "id" not in models[0]:
                raise ModelError("model_unknown", "the model server lists no model; set MODEL")
            self._model = str(models[0]["id"])
        return self._model

    def _took(self, prompt: int, input_tokens: Any, output_tokens: Any) -> list[Data]:
        """What the reply took, as its last part, from a server's numbers; they calibrate the estimate of tokens.

        Args:
            prompt: bytes that were sent, or 0 if that is not known.
            input_tokens: as the server reports them.
            output_tokens: as the server reports them.
        """
        known = [number if isinstance(number, int) else None for number in (input_tokens, output_tokens)]
        self._context.estimate.learn(prompt, known[0])
        usage = Usage()
        usage.add(*known)
        return list(usage.parts())
