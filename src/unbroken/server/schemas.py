"""JSON schemas of the structs on the wire, with what their docstrings say about each member."""

from __future__ import annotations

import re
from collections.abc import Iterable
from inspect import cleandoc
from typing import Any

import msgspec

_MEMBER = re.compile(r"^    (\w+): (.+(?:\n {6,}.+)*)", re.MULTILINE)


def components(kinds: Iterable[Any]) -> dict[str, Any]:
    """The schemas of these types and of all that they hold, by name, for `#/components/schemas`."""
    _, found = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    for schema in found.values():
        _spread(schema)
    return dict(sorted(found.items()))


def _spread(schema: dict[str, Any]) -> None:
    """Moves what a docstring says about attributes to the members themselves."""
    text, _, attributes = cleandoc(schema.get("description", "")).partition("\n\nAttributes:\n")
    if text:
        schema["description"] = " ".join(text.split())
    for name, meaning in _MEMBER.findall(attributes):
        member = schema["properties"][name]
        # Beside a reference, older readers ignore everything: it goes into a list of its own.
        if "$ref" in member:
            schema["properties"][name] = member = {"allOf": [member]}
        member["description"] = " ".join(meaning.split())
