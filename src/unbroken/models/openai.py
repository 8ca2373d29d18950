"""Speaks to every server with OpenAI's chat completions: OpenAI, Hugging Face's router, vLLM, Ollama, llama.cpp."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from unbroken.models.completion import Completion
from unbroken.models.context import prompt_size, size
from unbroken.models.continuing import Rest, Way, answered, go_on, reasoned, way_at, way_of
from unbroken.models.model import Model
from unbroken.models.server import NETWORK
from unbroken.models.trouble import ModelError
from unbroken.turn import Turn
from unbroken.types import Continues, Data, Piece

logger = logging.getLogger("unbroken.models")


class OpenAI(Model):
    """One model on one server, by chat completions.

    After a crash it asks the server to continue the text that the reader has, where the server can. Where that proves
    to be impossible only then, the model is asked to go on with the text that is quoted to it, and from then on
    answers begin anew after a crash.

    Args:
        continues: how the server is asked to continue; `auto` asks the server what it is.
        more: as for every `Model`.
    """

    def __init__(self, *args: Any, continues: Continues = "auto", **more: Any) -> None:
        super().__init__(*args, **more)
        way = way_at(self._server.url) if continues == "auto" else Way(continues)
        self._curious = way is None
        self._use(way or Way.ASK)

    def _use(self, way: Way) -> None:
        self._way = way
        self.continues = way is not Way.ASK

    def _recognise(self, owner: str) -> None:
        way = way_of(owner)
        if way is not Way.ASK:
            self._use(way)

    async def reply(self, turn: Turn) -> AsyncGenerator[Piece]:
        """Streams the model's answer, or what is missing of it.

        Raises:
            ModelError: the server failed for good, or after its first token; or the message is too long.
        """
        if answered(turn):
            return
        way, reasoning = self._way, reasoned(turn)
        spoke = False
        tries = 0
        while True:
            completion = Completion()
            rest = Rest(behind_text=way is not Way.ASK and turn.partial != "") if turn.partial or reasoning else None
            try:
                request = await self._ask(turn, way, reasoning)
                async with (
                    await self._server.post("/chat/completions", request) as response,
                    aclosing(self._server.read(response, completion)) as read,
                ):
                    if way is not self._way:
                        self._gives_up_continuing()
                    async for pieces in read:
                        for piece in rest.take(pieces) if rest else pieces:
                            spoke = True
                            yield piece
                if rest and (text := rest.end()):
                    yield text
                for part in self._used(completion.usage, request["messages"]):
                    yield part
                return
            except NETWORK as error:
                trouble = self._server.lost(error, spoke=spoke)
            except ModelError as error:
                trouble = error
            if spoke:
                raise trouble
            way = await self._again(trouble, tries, turn, way)
            tries += 1

    async def _again(self, trouble: ModelError, tries: int, turn: Turn, way: Way) -> Way:
        """How to ask once more after so many tries, when it is time for it.

        Raises:
            ModelError: it is no use.
        """
        if self._request.learn(trouble):
            return way
        if trouble.code == "model_refused" and turn.partial and way is not Way.ASK:
            return Way.ASK
        await self._server.pause(trouble, tries)
        return way

    async def _ask(self, turn: Turn, way: Way, reasoning: str) -> dict[str, Any]:
        """The request for the answer, or for what is missing of it, when it is time for it."""
        await self._limiter.wait()
        said: list[Any] = list(self._context.fit(turn))
        if self._context.system:
            said.insert(0, {"role": "system", "content": self._context.system})
        if not turn.partial:
            return self._request.chat(await self._model_name(), said)
        more = go_on(way, self._server.url, said, turn.partial, reasoning)
        spent = self._context.estimate.tokens(size(turn.partial))
        return self._request.chat(await self._model_name(), said, said=spent, **more)

    def _gives_up_continuing(self) -> None:
        """The server answered what quotes the text, after it refused to continue it."""
        logger.warning(
            "%s refuses to continue a text (model_continues=%s): from now on, answers begin anew after a crash",
            self._server.host,
            self._way.value,
        )
        self._use(Way.ASK)

    def _used(self, usage: Any, messages: list[Any]) -> list[Data]:
        known = usage if isinstance(usage, dict) else {}
        return self._took(prompt_size(None, messages), known.get("prompt_tokens"), known.get("completion_tokens"))

    def _title_request(self, model: str, messages: list[Any]) -> tuple[str, dict[str, Any]]:
        return "/chat/completions", {"model": model, "messages": messages, "stream": False}

    def _title_text(self, body: bytes) -> str:
        return "".join(piece for piece in Completion().whole(body) if isinstance(piece, str))
