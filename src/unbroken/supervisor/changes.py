"""Where a bot's code is, and when it changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from unbroken.errors import ConfigurationError


def folder_of(bot: str | None) -> Path:
    """The directory of the module of `module:name`; of a package the package itself.

    Raises:
        ConfigurationError: there is no bot whose code could change.
    """
    if not bot:
        raise ConfigurationError("--reload watches the code of a bot; name one, as in `unbroken up mybot:bot --reload`")
    place = Path.cwd().joinpath(*bot.partition(":")[0].split("."))
    return place if place.is_dir() else place.parent if place.parent.is_dir() else Path.cwd()


async def changes(folder: Path) -> AsyncIterator[str]:
    """Yields after each change of Python files the name of one that changed."""
    from watchfiles import PythonFilter, awatch

    async for changed in awatch(folder, watch_filter=PythonFilter()):
        yield Path(min(path for _, path in changed)).name
