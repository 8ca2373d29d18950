"""Writes a project of its own for a bot."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from unbroken import __version__
from unbroken.errors import ConfigurationError

_HERE = Path(__file__).parent
_NAME = "mybot"
"""What the files here call the project."""
_HIDDEN = ("dockerignore", "env.example", "gitignore")
"""Files whose names begin with a dot in a project; here git would heed them."""


class Kind(StrEnum):
    """What the bot is made of."""

    FUNCTION = "function"
    PYDANTIC_AI = "pydantic-ai"
    LANGGRAPH = "langgraph"


def write(name: str, kind: Kind, parent: Path) -> Path:
    """Writes a project into `parent/name`, and returns that folder. It runs, and its tests pass, as it is.

    Nothing that exists is changed.

    Raises:
        ConfigurationError: the name cannot be that of a package, or there is something in its folder already; the
            message says what to change.
    """
    _check(name)
    folder = parent / name
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise ConfigurationError(f"there is something in {folder} already; choose another name, or empty it first")
        for path, text in _files(name, kind):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    except OSError as error:
        raise ConfigurationError(f"{error.filename} cannot be written: {error.strerror}") from None
    return folder


def _check(name: str) -> None:
    if not re.fullmatch("[a-z][a-z0-9_]{0,63}", name) or keyword.iskeyword(name):
        proper = re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")
        hint = f"; {proper} would do" if re.fullmatch("[a-z][a-z0-9_]{0,63}", proper) and proper != name else ""
        raise ConfigurationError(
            f"{name!r} cannot be the name of a Python package: it has to begin with one of a-z, go on with up to 63 of "
            f"a-z, 0-9 and _, and be no keyword{hint}"
        )
    spec = find_spec(name)
    if name == "tests" or (spec and spec.origin):
        raise ConfigurationError(f"there is a module {name!r} already, which the bot would hide; choose another name")


def _files(name: str, kind: Kind) -> Iterator[tuple[str, str]]:
    """Path and content of each file."""
    for root in (_HERE / "project", _HERE / "kinds" / kind.replace("-", "_")):
        for file in sorted(root.rglob("*")):
            if file.is_file() and file.suffix != ".pyc":
                path = file.relative_to(root).as_posix()
                text = file.read_text()
                if path == "pyproject.toml":
                    text = text.replace('["unbroken"]', f'["{_requirement(kind)}"]')
                yield f".{path}" if path in _HIDDEN else path.replace(_NAME, name), text.replace(_NAME, name)


def _requirement(kind: Kind) -> str:
    extra = "" if kind is Kind.FUNCTION else f"[{kind}]"
    return f"unbroken{extra}~={__version__}"
