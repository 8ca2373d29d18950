"""Writes down the API: `python -m unbroken.server.schema [folder]` makes openapi.json and asyncapi.json there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from unbroken.config import Settings
from unbroken.server.app import create_app
from unbroken.server.asyncapi import asyncapi


def documents() -> dict[str, str]:
    """The text of each document, by its file name. The environment does not matter."""
    made = {"openapi.json": create_app(Settings.model_construct()).openapi(), "asyncapi.json": asyncapi()}
    return {name: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for name, document in made.items()}


def main(folder: str = "docs/reference") -> None:
    """Writes every document."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (Path(folder) / name).write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
