"""The bots of a deployment: from one set of settings to one for each bot.

Without a file there is one bot, without a name, which the settings themselves describe. A file in TOML names several;
each section overrides, for its bot, some of the settings:

    [support]
    title = "Support"
    bot = "support:agent"
    welcome = "How can I help?"

    [writer]
    model = "gpt-4o-mini"
    temperature = 0.9
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from pydantic import ValidationError

from unbroken.config import Settings
from unbroken.errors import ConfigurationError

OWN = (
    "bot",
    "model",
    "model_url",
    "model_api",
    "model_continues",
    "system_prompt",
    "temperature",
    "max_tokens",
    "context_tokens",
    "requests_per_minute",
    "concurrency",
    "policy",
    "titles",
    "title",
    "welcome",
    "prompts",
)
"""What each bot may set for itself."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def profiles(settings: Settings) -> dict[str, Settings]:
    """The settings of each bot by its name, in the order of the file; the first one is the default.

    Raises:
        ConfigurationError: the file cannot be read, or something in it cannot be; the message says what and where.
    """
    if settings.bots is None:
        return {"": settings}
    try:
        text = settings.bots.read_text()
        sections: dict[str, Any] = tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(f"UNBROKEN_BOTS: {settings.bots} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(f"UNBROKEN_BOTS: {settings.bots} is no TOML: {error}") from None
    if not sections:
        raise ConfigurationError(f"UNBROKEN_BOTS: {settings.bots} names no bot; write a section like [support]")
    return {name: _profile(settings, name, section) for name, section in sections.items()}


def _profile(settings: Settings, name: str, section: object) -> Settings:
    where = f"UNBROKEN_BOTS: {settings.bots}, bot {name!r}"
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{where}: a name has 1 to 32 of a-z, 0-9, - and _, and begins with one of the first")
    if not isinstance(section, dict):
        raise ConfigurationError(f"{where}: this has to be a section: [{name}]")
    if unknown := sorted(section.keys() - OWN):
        raise ConfigurationError(f"{where}: {unknown[0]!r} is nothing that a bot can set; it can set {', '.join(OWN)}")
    fresh = {"bot": None, "model": None, "model_url": None} if section.keys() & {"bot", "model", "model_url"} else {}
    try:
        return Settings.model_validate({**settings.model_dump(), **fresh, **section})
    except ValidationError as error:
        first = error.errors()[0]
        field = "_".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{where}: {field}: {first['msg']}, but it is {first['input']!r}") from None
