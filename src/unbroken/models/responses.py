"""Speaks to servers with OpenAI's Responses API, so that an answer outlives the worker that asked for it.

A response in the background is run to its end by the server, whoever listens. Its id is kept before its first word is
shown; a worker that takes over attaches to it again, and shows what its reader does not have yet. So the model is
asked, and paid, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from typing import Any, Self
from urllib.parse import quote

import aiohttp

from unbroken.models.context import prompt_size
from unbroken.models.continuing import Way, answered, go_on, reasoned
from unbroken.models.model import Model
from unbroken.models.response_stream import ResponseStream
from unbroken.models.server import NETWORK
from unbroken.models.trouble import ModelError
from unbroken.turn import Turn
from unbroken.types import Data, Piece, Reasoning

logger = logging.getLogger("unbroken.models")

POLL = 1.0
"""Seconds between two looks at a response that cannot be streamed any more: OpenAI streams one for five minutes."""

CANCELLING = 3.0
"""Seconds that cancelling a response may take."""

_SURVIVED = frozenset({"model_unavailable", "model_silent", "model_cut", "model_refused", "model_unknown"})
"""Troubles with a response in the background after which there is a way to its end, or to another one."""


class Shown:
    """What a reader has of a response, so that nothing of it is shown twice and nothing is left out.

    Args:
        said: all text that the reader has, also what came before the response.
        text: characters of the response's text among it.
        reasoning: characters of the response's reasoning that the reader has; None if none of it is to be shown.
    """

    def __init__(self, said: str, text: int = 0, reasoning: int | None = 0) -> None:
        self._said = [said]
        self.text = text
        self.reasoning = reasoning
        self.again()

    @property
    def said(self) -> str:
        """All text that the reader has."""
        return "".join(self._said)

    @property
    def any(self) -> bool:
        """Whether the reader has anything of the response."""
        return bool(self.text or self.reasoning)

    def again(self) -> None:
        """The response is about to come from its beginning."""
        self._skip_text, self._skip_reasoning = self.text, self.reasoning or 0

    def missing(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """What the reader does not have of these pieces; it has it then."""
        for piece in pieces:
            if isinstance(piece, str):
                new, self._skip_text = piece[self._skip_text :], max(0, self._skip_text - len(piece))
                if new:
                    self.text += len(new)
                    self._said.append(new)
                    yield new
            elif isinstance(piece, Reasoning) and self.reasoning is not None:
                new, skipped = piece.text[self._skip_reasoning :], len(piece.text)
                self._skip_reasoning = max(0, self._skip_reasoning - skipped)
                if new:
                    self.reasoning += len(new)
                    yield Reasoning(new)


class Run:
    """A response that a reply is made of.

    Args:
        shown: what the reader has of it.

    Attributes:
        stream: reads it.
        after: number of the event to go on behind; None: from the beginning.
        polled: it cannot be streamed any more.
        prompt: bytes that it was asked with; 0 if another attempt asked.
    """

    def __init__(self, shown: Shown) -> None:
        self.stream = ResponseStream()
        self.shown = shown
        self.after: int | None = None
        self.polled = False
        self.prompt = 0

    @classmethod
    def of(cls, turn: Turn) -> Self:
        """The response that an earlier attempt began, else one for what is missing of the answer."""
        saved, reasoning = turn.saved, len(reasoned(turn))
        if not isinstance(saved, dict) or "response" not in saved:
            return cls(Shown(turn.partial, reasoning=None if turn.partial or reasoning else 0))
        thought = None if saved["reasoning"] is None else reasoning - saved["reasoning"]
        run = cls(Shown(turn.partial, len(turn.partial) - saved["text"], thought))
        run.stream.id, run.stream.background, run.after = saved["response"], True, saved["after"]
        return run

    def anew(self) -> Self:
        """One for what is missing now: this one is lost."""
        quiet = self.shown.any or self.shown.reasoning is None
        return type(self)(Shown(self.shown.said, reasoning=None if quiet else 0))

    @property
    def kept(self) -> bool:
        """Whether the server has it, to attach to again."""
        return bool(self.stream.id) and self.stream.background

    def saved(self) -> dict[str, Any]:
        """What another attempt needs to attach to it. Nothing of it may be shown yet."""
        return {
            "response": self.stream.id,
            "after": self.stream.first,
            "text": len(self.shown.said),
            "reasoning": self.shown.reasoning,
        }

    def reconnect(self, *, polled: bool = False) -> None:
        """Goes on behind the last event that came; if it is polled, from its beginning."""
        self.polled |= polled
        if self.polled or self.stream.last is None:
            self.shown.again()
        else:
            self.after = self.stream.last
        self.stream.reconnect()


class Responses(Model):
    """One model on one server, by responses. Arguments as for every `Model`.

    As long as it is not known whether the server keeps responses it is trusted to. One that does not is used like any
    other model: after a crash, answers begin anew.
    """

    continues = True

    async def reply(self, turn: Turn) -> AsyncIterator[Piece]:
        """Streams the response, or what is missing of it.

        Raises:
            ModelError: the server or the response failed for good, or the message is too long.
        """
        if answered(turn):
            return
        run = Run.of(turn)
        known = run.kept
        tries = 0
        try:
            while True:
                spoke = False
                try:
                    async with (
                        await self._open(turn, run) as response,
                        aclosing(self._server.read(response, run.stream)) as read,
                    ):
                        async for pieces in read:
                            if run.stream.id and not known:
                                known = True
                                await self._keep(turn, run)
                            for piece in run.shown.missing(pieces):
                                spoke = True
                                yield piece
                    if run.stream.over:
                        for part in self._used(run):
                            yield part
                        return
                    if not run.kept:
                        raise ModelError("model_garbled", "the model server sent a response without an end")
                    await asyncio.sleep(POLL)
                    run.reconnect(polled=True)
                    continue
                except NETWORK as error:
                    trouble = self._server.lost(error, spoke=spoke)
                except ModelError as error:
                    trouble = error
                tries = 0 if spoke else tries
                run = await self._again(run, trouble, tries)
                known = run.kept
                tries += 1
        finally:
            if run.kept and not run.stream.over and not turn.goes_on:
                await self._cancel(run.stream.id)

    async def _open(self, turn: Turn, run: Run) -> aiohttp.ClientResponse:
        """Asks for a response, or attaches to one that there is."""
        if run.kept:
            path = f"/responses/{quote(run.stream.id, safe='')}"
            behind = "" if run.after is None else f"&starting_after={run.after}"
            return await self._server.get(path if run.polled else f"{path}?stream=true{behind}")
        said: list[Any] = list(self._context.fit(turn))
        if run.shown.said:
            go_on(Way.ASK, self._server.url, said, run.shown.said)
        run.prompt = prompt_size(self._context.system, said)
        spent = self._context.estimate.tokens(len(run.shown.said.encode()))
        await self._limiter.wait()
        request = self._request.response(await self._model_name(), said, self._context.system, said=spent)
        return await self._server.post("/responses", request)

    async def _keep(self, turn: Turn, run: Run) -> None:
        """Keeps what another attempt needs, before anything of the response is shown."""
        if run.stream.background:
            await turn.checkpoint(run.saved())
        elif self.continues:
            self.continues = False
            logger.info("%s keeps no responses: after a crash, answers begin anew", self._server.host)

    async def _again(self, run: Run, trouble: ModelError, tries: int) -> Run:
        """What to go on with after so many tries, when it is time: the same response, or one for what is missing.

        Raises:
            ModelError: it is no use.
        """
        if run.kept and not run.stream.over:
            trouble.passing |= trouble.code in _SURVIVED
            await self._server.pause(trouble, tries)
            if trouble.code == "model_unknown":
                logger.warning("%s has lost the response %s; it is asked again", self._server.host, run.stream.id)
                return run.anew()
            run.reconnect(polled=trouble.code == "model_refused")  # it is too old to be streamed
        elif run.shown.any:
            raise trouble
        elif not self._request.learn(trouble):
            await self._server.pause(trouble, tries)
            return run.anew()
        return run

    async def _cancel(self, response: str) -> None:
        """Stops a response that nobody needs any more, and would be paid for."""
        with contextlib.suppress(ModelError, *NETWORK):
            async with (
                asyncio.timeout(CANCELLING),
                await self._server.post(f"/responses/{quote(response, safe='')}/cancel"),
            ):
                pass

    def _used(self, run: Run) -> list[Data]:
        known = run.stream.usage if isinstance(run.stream.usage, dict) else {}
        return self._took(run.prompt, known.get("input_tokens"), known.get("output_tokens"))

    def _title_request(self, model: str, messages: list[Any]) -> tuple[str, dict[str, Any]]:
        return "/responses", {"model": model, "input": messages}

    def _title_text(self, body: bytes) -> str:
        return "".join(piece for piece in ResponseStream().whole(body) if isinstance(piece, str))
