"""The bot that speaks to a local model, and what has to be there before it can."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path

from pydantic import SecretStr

from unbroken.config import Settings
from unbroken.errors import BotError, ConfigurationError
from unbroken.models.local.file import ModelFile, read
from unbroken.models.local.hub import Say, fetch
from unbroken.models.local.name import SCHEME, parse
from unbroken.models.local.runtime import shared
from unbroken.models.openai import OpenAI
from unbroken.models.request import Wishes
from unbroken.models.trouble import ModelError
from unbroken.turn import Turn
from unbroken.types import Message, Part, Piece

CONTEXT = 8192
"""Tokens of a conversation with its answer, if nothing says otherwise and the model was trained for as many."""
ANSWER = 2048
"""Tokens that are kept free for an answer, unless MAX_TOKENS says otherwise; at most half of all."""
_LOST = ("model_cut", "model_unavailable")
REPLIES = 4
"""Replies at once. More of them share the same processor, and each takes memory for a context of its own."""


def is_local(settings: Settings) -> bool:
    """Whether the settings name a local model."""
    return not settings.bot and (settings.model or "").startswith(SCHEME)


def prepare(settings: Settings, say: Say) -> ModelFile:
    """Downloads the model if it has to be, and looks into its file.

    Raises:
        ConfigurationError: it cannot be had, or cannot be run; the message says what to do.
    """
    if not all(find_spec(package) for package in ("huggingface_hub", "xllamacpp")):
        raise ConfigurationError("local models need packages that are not installed: pip install 'unbroken[local]'")
    wanted = parse(settings.model or "")
    if isinstance(wanted, Path):
        if not wanted.is_file():
            raise ConfigurationError(f"there is no file {wanted}")
        return read(wanted)
    return read(fetch(wanted, settings.hf_token.get_secret_value() if settings.hf_token else None, say))


class Local:
    """A bot that runs a model itself.

    Replies beyond those that run wait for their turn, in order. If the model's process dies, it is started again, and
    the replies that it broke off go on: from their beginning if they had said nothing yet, else from where they were.

    Args:
        model: what `prepare` returned.
        settings: of this bot.
    """

    continues = True

    def __init__(self, model: ModelFile, settings: Settings) -> None:
        self.name = f"{model.path.name} on this machine"
        self._settings = settings
        self._client: OpenAI | None = None
        asked = settings.context_tokens
        context = asked + (settings.max_tokens or ANSWER) if asked else CONTEXT
        self._runtime = shared(model, context, min(REPLIES, settings.concurrency), squeeze=asked is None)

    async def start(self) -> None:
        """Loads the model.

        Raises:
            ConfigurationError: llama.cpp cannot run it.
        """
        await self._runtime.start()
        settings, context = self._settings, self._runtime.context
        room = context - min(settings.max_tokens or ANSWER, context // 2)
        self._client = OpenAI(
            self._runtime.url,
            "local",
            SecretStr(self._runtime.key),
            system_prompt=settings.system_prompt,
            timeout=settings.model_timeout,
            retries=0,  # what can be repeated, `reply` does
            continues="prefill" if settings.model_continues == "auto" else settings.model_continues,
            wishes=Wishes(settings.temperature, settings.max_tokens),
            context_tokens=min(settings.context_tokens or room, room),
            requests_per_minute=settings.requests_per_minute,
        )
        await self._client.start()

    async def close(self) -> None:
        """Ends the model's process, unless other bots use it."""
        if self._client is not None:
            await self._client.close()
        await self._runtime.close()

    async def title(self, messages: Sequence[Message]) -> str | None:
        """A name for a conversation; None if the model finds none."""
        assert self._client is not None, "start() comes first"
        async with self._runtime.slot():
            return await self._client.title(messages)

    async def reply(self, turn: Turn) -> AsyncGenerator[Piece]:
        """Streams the model's answer.

        Raises:
            BotError: the model failed.
        """
        assert self._client is not None, "start() comes first"
        said, parts, spoke = "", tuple[Part, ...](), False
        for again in (True, False):
            try:
                async with self._runtime.slot(), aclosing(self._client.reply(turn)) as pieces:
                    async for piece in pieces:
                        spoke = True
                        if isinstance(piece, str):
                            said += piece
                        else:
                            parts += (piece,)
                        yield piece
                    return
            except ModelError as error:
                lost = error.code in _LOST and await self._runtime.died()
                if not lost or not again or (spoke and not self.continues):
                    raise
            except ConfigurationError as error:
                raise BotError(str(error), public="The model cannot be started any more.", code="model_gone") from None
            finally:
                self.continues = self._client.continues  # it may learn that this model cannot
            turn = copy.copy(turn)
            turn.partial, turn.parts = turn.partial + said, turn.parts + parts
