"""`unbroken new`: writes a project, and says what to do with it."""

from __future__ import annotations

import json
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from rich.text import Text

from unbroken.scaffold import Kind, write
from unbroken.terminal.look import console


def new(name: str, kind: Kind) -> None:
    """Writes a project into the current directory.

    Raises:
        ConfigurationError: not under this name; the message says why.
    """
    write(name, kind, Path.cwd())
    say = console()
    say.print(Text.assemble("Wrote ", (f"{name}/", "name"), ": a bot, its tests, an image and a compose file. Next:\n"))
    source = _source()
    wheel = f"pip wheel --no-deps -w wheels {shlex.quote(source)}"
    for command, what in (
        (f"cd {name}", f"the bot is in {name}/bot.py"),
        ("pip install -e '.[dev]'", "in a virtual environment"),
        (f"unbroken up {name}.bot:bot --reload", "run it, on http://localhost:8000"),
        ("pytest", "test it"),
        *([(wheel, "this Unbroken is on no index; the image takes it from there")] if source else []),
        ("docker compose up --build --wait", "deploy it, wherever there is Docker"),
    ):
        say.print(Text.assemble(f"  {command:<40}  ", (what, "quiet")), soft_wrap=True)


def _source() -> str:
    """The directory that this package was installed from, if it was not an index."""
    try:
        found = distribution("unbroken").read_text("direct_url.json")
    except PackageNotFoundError:
        return ""
    url = urlsplit(json.loads(found)["url"]) if found else urlsplit("")
    return url2pathname(url.path) if url.scheme == "file" else ""
