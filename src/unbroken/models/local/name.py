"""What `local:…` names: a file on this machine, or one in a repository of the Hugging Face hub."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from unbroken.errors import ConfigurationError

SCHEME = "local:"

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(?::.+)?", re.ASCII)
_PART = re.compile(r"-(\d{5})-of-(\d{5})(?=\.gguf$)", re.IGNORECASE)
_QUANT = re.compile(r"(?<![A-Za-z0-9])(?:UD-)?(?:I?Q\d\w*|B?F16|F32|MXFP4\w*)", re.IGNORECASE)
_SHOWN = 20
"""Longest list of files in an error."""


class InRepository(NamedTuple):
    """A file of the hub.

    Attributes:
        which: a file's name or its quantization, such as Q4_K_M; empty if the repository has but one.
    """

    repository: str
    which: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.repository}:{self.which}" if self.which else f"{SCHEME}{self.repository}"


def parse(model: str) -> Path | InRepository:
    """Reads `local:/path/to/model.gguf`, `local:org/repo` or `local:org/repo:file-or-quantization`.

    Raises:
        ConfigurationError: it is none of them.
    """
    name = model.removeprefix(SCHEME).strip()
    if name.startswith(("/", "./", "../", "~")) or (name.endswith(".gguf") and ":" not in name):
        return Path(name).expanduser().absolute()
    if not _REPOSITORY.fullmatch(name):
        raise ConfigurationError(
            f"a local model is named as local:./model.gguf or local:org/repo:Q4_K_M, not {model!r}"
        )
    repository, _, which = name.partition(":")
    return InRepository(repository, which)


def pick(wanted: InRepository, names: Iterable[str]) -> list[str]:
    """The one model that is wanted among the files of its repository: its file, or all parts if it was split.

    Raises:
        ConfigurationError: there is none, or several; with what there is.
    """
    models: dict[str, list[str]] = {}
    for name in sorted(names):
        # a projector shows pictures to a model, but is none
        if name.lower().endswith(".gguf") and not name.rpartition("/")[2].lower().startswith("mmproj"):
            models.setdefault(_PART.sub("", name), []).append(name)
    if not models:
        raise ConfigurationError(
            f"the repository {wanted.repository} has no GGUF file; those that have are often called …-GGUF"
        )
    found = [parts for whole, parts in models.items() if not wanted.which or _fits(wanted.which, whole, parts)]
    if len(found) == 1:
        return found[0]
    labels = _labels(list(models) if not found else [_PART.sub("", parts[0]) for parts in found])
    shown = ", ".join(labels[:_SHOWN]) + (f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else "")
    if not found:
        raise ConfigurationError(f"the repository {wanted.repository} has no GGUF file {wanted.which}; it has {shown}")
    raise ConfigurationError(
        f"{wanted} fits several files; name one, as {SCHEME}{wanted.repository}:{labels[0]}, out of {shown}"
    )


def complete(parts: list[str]) -> bool:
    """Whether these are all parts of a model that was split, or one that was not."""
    last = _PART.search(parts[-1])
    return last is None or len(parts) == int(last[2])


def _fits(which: str, whole: str, parts: list[str]) -> bool:
    if which.lower().endswith(".gguf"):
        return any(which in (name, name.rpartition("/")[2]) for name in (whole, *parts))
    return bool(re.search(rf"(?<![A-Za-z0-9]){re.escape(which)}(?![A-Za-z0-9_])", whole, re.IGNORECASE))


def _labels(names: list[str]) -> list[str]:
    """What the files may be called: by their quantization if that tells them apart, else by their names."""
    found = [match[0] if (match := _QUANT.search(name.rpartition("/")[2])) else name for name in names]
    return sorted(found if len(set(found)) == len(names) else names)
