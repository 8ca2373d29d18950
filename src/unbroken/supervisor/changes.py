"""Where a bot's code is, and when it changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from unbroken.errors import ConfigurationError


def folders_of(bots: Iterable[str | None]) -> list[Path]:
    """The directories of these bots' modules, each once; None stands for a model without code.

    Raises:
        ConfigurationError: there is no bot whose code could change.
    """
    found = list(dict.fromkeys(_folder(bot) for bot in bots if bot))
    if not found:
        raise ConfigurationError("--reload watches the code of a bot; name one, as in `unbroken up mybot:bot --reload`")
    return found


def _folder(bot: str) -> Path:
    """The directory of the module of `module:name`; of a package the package itself."""
    place = Path.cwd().joinpath(*bot.partition(":")[0].split("."))
    return place if place.is_dir() else place.parent if place.parent.is_dir() else Path.cwd()


async def changes(folders: Iterable[Path]) -> AsyncIterator[str]:
    """Yields after each change of Python files the name of one that changed."""
    from watchfiles import PythonFilter, awatch

    async for changed in awatch(*folders, watch_filter=PythonFilter()):
        yield Path(min(path for _, path in changed)).name
