"""Writes docs/reference/settings.md from `unbroken.config.Settings`: `python tools/settings_reference.py`.

The headings are the comments that group the fields in the source. A test fails when the file is stale.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from unbroken.config import Settings

FILE = Path(__file__).parent.parent / "docs" / "reference" / "settings.md"
INTRODUCTION = """\
# Settings

Everything is set by environment variables, or in a file `.env` in the current directory; the environment wins.
Durations are seconds and sizes are bytes, unless a line says otherwise. Several names in one line mean the same.

This page is written by `make docs`.
"""


def render() -> str:
    """The page as Markdown."""
    shapes = Settings.model_json_schema(by_alias=False)["properties"]
    page = [INTRODUCTION]
    for line in inspect.getsource(Settings).splitlines():
        if heading := re.fullmatch(r" {4}# (.+)", line):
            page.append(f"\n## {heading[1]}\n\n| variable | value | default | meaning |\n|---|---|---|---|\n")
        elif (name := line.strip().partition(":")[0]) in Settings.model_fields:
            page.append(_row(name, Settings.model_fields[name], shapes[name]))
    return "".join(page)


def variables(name: str, field: FieldInfo) -> list[str]:
    """The environment variables that set a field."""
    if isinstance(field.validation_alias, AliasChoices):
        return [str(choice) for choice in field.validation_alias.choices]
    return [f"UNBROKEN_{name.upper()}"]


def _row(name: str, field: FieldInfo, shape: dict[str, Any]) -> str:
    names = ", ".join(f"`{variable}`" for variable in variables(name, field))
    default = "" if field.default in (None, ()) else f"`{field.default}`"
    cells = [cell.replace("|", r"\|") for cell in (names, _value(shape), default, str(field.description))]
    return f"| {' | '.join(cells)} |\n"


def _value(shape: dict[str, Any]) -> str:
    """What may be given, in words."""
    kind = next((choice for choice in shape.get("anyOf", ()) if choice["type"] != "null"), shape)
    if "enum" in kind:
        return ", ".join(f"`{choice}`" for choice in kind["enum"])
    word: str = {"string": kind.get("format", "text"), "array": "list"}.get(kind["type"], kind["type"])
    if "pattern" in kind:
        return f"{word}, `{kind['pattern']}`"
    if "maximum" in kind:
        return f"{word}, {kind['minimum']} to {kind['maximum']}"
    if "minimum" in kind:
        return f"{word}, from {kind['minimum']}"
    return f"{word}, above {kind['exclusiveMinimum']}" if "exclusiveMinimum" in kind else word


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(render())
