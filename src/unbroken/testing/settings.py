"""Settings that are the same on every machine."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from unbroken.config import Settings
from unbroken.errors import ConfigurationError


class _Given(Settings):
    """Only what it is given: no environment, no `.env`, no unknown names."""

    model_config = SettingsConfigDict(extra="forbid", env_file=None)

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def settings(defaults: dict[str, Any], given: dict[str, Any]) -> Settings:
    """Settings of a test.

    Raises:
        ConfigurationError: there is no such setting, or not with this value.
    """
    try:
        return _Given(**{**defaults, **given})
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"the setting {name}: {first['msg']}, but it is {first['input']!r}") from None
