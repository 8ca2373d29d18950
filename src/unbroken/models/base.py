"""The bot interface, and the loader that turns settings into a bot."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

from unbroken.config import Settings
from unbroken.errors import ConfigurationError
from unbroken.models import ag_ui
from unbroken.models.choice import Kind, choose
from unbroken.models.demo import Demo
from unbroken.models.local.bot import Local, prepare
from unbroken.models.openai import OpenAI
from unbroken.models.request import Wishes
from unbroken.models.responses import Responses
from unbroken.models.wrap import EXTRAS, wrap
from unbroken.turn import Turn
from unbroken.types import Piece

logger = logging.getLogger("unbroken.models")


class Bot(Protocol):
    """What a worker runs: one object for the process, many replies at once.

    It may also have `async def title(messages) -> str | None`, which names a conversation after its first reply, where
    the settings ask for that (`unbroken.worker.titles`).

    Attributes:
        name: for logs.
        continues: whether the bot continues `turn.partial`. It then yields only what follows; otherwise a second
            attempt starts the text anew.
    """

    name: str

    @property
    def continues(self) -> bool:
        """Asked anew for each attempt."""
        ...

    def reply(self, turn: Turn) -> AsyncIterator[Piece]:
        """Answers one message, piece by piece.

        It is stopped by cancellation and then closed with `aclose`, if it has that. Raising `BotError` commits the
        reply as failed with the error's public text; any other exception does so with a neutral one.
        """
        ...

    async def start(self) -> None:
        """Prepares for replies; called once, in the event loop that runs them."""
        ...

    async def close(self) -> None:
        """Gives everything back; called once, after the last reply."""
        ...


def load_bot(settings: Settings) -> Bot:
    """Makes the bot that the settings name: their own `module:name`, an agent's address, or one of the built-in models.

    Raises:
        ConfigurationError: there is no such bot or model; the message says what to change.
    """
    choice = choose(settings)
    if choice.kind is Kind.BOT:
        return wrap(_named(choice.name), choice.name, settings.concurrency)
    if choice.kind is Kind.DEMO:
        return Demo()
    if choice.kind is Kind.LOCAL:
        return Local(prepare(settings, logger.info), settings)
    wanted: dict[str, Any] = {
        "system_prompt": settings.system_prompt,
        "timeout": settings.model_timeout,
        "retries": settings.model_retries,
        "wishes": Wishes(settings.temperature, settings.max_tokens),
        "context_tokens": settings.context_tokens,
        "requests_per_minute": settings.requests_per_minute,
    }
    if settings.model_api == "responses":
        return Responses(choice.url, choice.model, choice.key, **wanted)
    return OpenAI(choice.url, choice.model, choice.key, continues=settings.model_continues, **wanted)


def describe(settings: Settings) -> tuple[str, str]:
    """Says for people which bot or model answers, and why that one.

    Raises:
        ConfigurationError: the settings name a model but not where it is.
    """
    choice = choose(settings)
    return choice.name, choice.why


def _named(spec: str) -> object:
    """What `ag-ui:http://…` or `module:name` stands for."""
    scheme, _, url = spec.partition(":")
    return ag_ui.agent(url) if scheme == "ag-ui" else _import(spec)


def _import(spec: str) -> object:
    """Imports `module:name`, also from the current directory."""
    module_name, _, path = spec.partition(":")
    if not module_name or not path or module_name.endswith(".py") or "/" in module_name:
        raise ConfigurationError(
            f"a bot is named as module:name, for example mybot:bot for bot in mybot.py, not {spec!r}"
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        target: object = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise ConfigurationError(
                f"bot {spec!r}: there is no module {error.name!r}, neither in {here} nor installed"
            ) from None
        extra = EXTRAS.get(str(error.name).partition(".")[0])
        remedy = f"unbroken[{extra}]" if extra else "it"
        raise ConfigurationError(
            f"bot {spec!r}: {module_name} needs the module {error.name!r}; install {remedy}"
        ) from error
    except Exception as error:
        raise ConfigurationError(
            f"bot {spec!r}: importing {module_name} failed: {type(error).__name__}: {error}"
        ) from error
    for part in path.split("."):
        try:
            target = getattr(target, part)
        except AttributeError:
            raise ConfigurationError(f"bot {spec!r}: {module_name} has no {path!r}") from None
    return target
