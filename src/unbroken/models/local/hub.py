"""Gets models from the Hugging Face hub, into the cache that all its tools share.

The library of the hub reads HF_HOME, HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE itself. It goes on where a download broke
off, and lets one of several processes download what all of them want.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unbroken.errors import ConfigurationError
from unbroken.models.local.name import InRepository, complete, pick

PATIENCE = 10.0
"""Seconds that the hub may take to list the files of a repository."""
Say = Callable[[str], None]
"""Hears one line for people."""


def fetch(wanted: InRepository, token: str | None, say: Say) -> Path:
    """Returns the file of the model, or of its first part. What is in the cache is not downloaded again.

    A file that is named and was downloaded once needs no network any more.

    Args:
        wanted: which.
        token: for repositories that not everybody may read; None: what the library finds.
        say: hears how the download goes, unless a bar shows it at a terminal.

    Raises:
        ConfigurationError: it cannot be had; the message says what to do.
    """
    cached = _cached(wanted.repository)
    if wanted.which and (path := _in_cache(wanted, cached)):
        return path
    from huggingface_hub import HfApi, constants, hf_hub_download

    try:
        # what lists the files alone is tried again for 20 s when nobody answers
        files = HfApi(token=token).model_info(wanted.repository, timeout=PATIENCE).siblings
        names = [file.rfilename for file in files or ()]
    except Exception as error:  # whatever the network does to the library
        if not _refused(error) and (path := _in_cache(wanted, cached)):
            return path
        raise _sentence(error, wanted, constants.ENDPOINT) from None
    parts = pick(wanted, names)
    bar = None if sys.stderr.isatty() else _lines(say)
    if bar and not (cached and all((cached / part).is_file() for part in parts)):
        say(f"downloading {parts[0]} of {wanted.repository} into {constants.HF_HUB_CACHE}")
    try:
        paths = [hf_hub_download(wanted.repository, part, token=token, tqdm_class=bar) for part in parts]
    except Exception as error:  # the same
        raise _sentence(error, wanted, constants.ENDPOINT) from None
    return Path(paths[0])


def _cached(repository: str) -> Path | None:
    """The newest known state of the repository in the cache, as a folder that may lack files."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE, f"models--{repository.replace('/', '--')}")
    try:
        return folder / "snapshots" / (folder / "refs" / "main").read_text().strip()
    except OSError:
        return None


def _in_cache(wanted: InRepository, cached: Path | None) -> Path | None:
    names = [str(path.relative_to(cached)) for path in cached.rglob("*.gguf") if path.is_file()] if cached else []
    try:
        parts = pick(wanted, names)
    except ConfigurationError:
        return None
    return cached / parts[0] if cached and complete(parts) else None


def _refused(error: Exception) -> bool:
    """Whether the hub itself said no."""
    from huggingface_hub.errors import HfHubHTTPError

    return isinstance(error, HfHubHTTPError) and error.response.status_code < 500


def _sentence(error: Exception, wanted: InRepository, hub: str) -> ConfigurationError:
    """What an error of the library means for people."""
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    name = wanted.repository
    match error:
        case GatedRepoError():
            what = f"{name} is gated: accept its terms at {hub}/{name}, and set HF_TOKEN to a token of that account"
        case RepositoryNotFoundError():
            what = f"there is no repository {name} at {hub}, or it is private and needs another HF_TOKEN"
        case HFValidationError():
            what = f"{name!r} cannot be the name of a repository"
        case OfflineModeIsEnabled():
            what = f"{wanted} is not in {constants.HF_HUB_CACHE}, and HF_HUB_OFFLINE forbids to download it"
        case _ if not _refused(error) and not isinstance(error, OSError):
            what = f"{wanted} is not in {constants.HF_HUB_CACHE}, and {hub} does not answer: {_short(error)}"
        case _:
            what = f"{wanted} cannot be downloaded: {_short(error)}"
    return ConfigurationError(what)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _lines(say: Say) -> type[Any]:
    """The library's progress bars as lines, one in ten seconds."""
    from tqdm import tqdm

    class Lines(tqdm):  # type: ignore[misc]
        monitor_interval = 0

        def __init__(self, *given: Any, **more: Any) -> None:
            super().__init__(*given, **{**more, "file": io.StringIO(), "mininterval": 10.0, "disable": False})

        def display(self, *_: Any, **__: Any) -> None:
            if self.n:
                total = f" of {self.total / 1e6:,.0f}" if self.total else ""
                say(f"downloaded {self.n / 1e6:,.0f}{total} MB")

        def update_transfer(self, size: int) -> None:
            """The library shows what the network brings in a second bar, unless it finds this."""

    return Lines
