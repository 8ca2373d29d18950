"""The real scripts, as the model runs them: with a clock that stands still until a schedule moves it."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from unbroken.redis.router import Script
from unbroken.scripts import FORGET, NAMES, source

CLOCK = "clock"
"""The key that holds the microseconds of the virtual clock."""

_NOW = re.compile(r"local function now\(\)\n.*?\nend\n", re.DOTALL)
_VIRTUAL = f"local function now() return tonumber(redis.call('GET', '{CLOCK}')) end\n"


class Damage(NamedTuple):
    """A rule taken out of the scripts, to see that the model notices.

    Attributes:
        script: the script that is damaged, or `*` for each that has the text.
        text: what is replaced; it must be there.
    """

    script: str
    text: str
    instead: str


def assemble(*damages: Damage) -> dict[str, Script]:
    """All scripts by name. Only `now` differs from what production runs, and what the damages change."""
    texts = {name: _NOW.sub(_VIRTUAL, source(name)) for name in (*NAMES, FORGET)}
    for name, text in texts.items():
        assert "TIME'" not in text, f"{name}: something else reads the clock"
    for damage in damages:
        damaged = [name for name, text in texts.items() if damage.script in (name, "*") and damage.text in text]
        assert damaged, f"{damage.script}: the text to damage is not there: {damage.text}"
        for name in damaged:
            texts[name] = texts[name].replace(damage.text, damage.instead)
    return {name: _script(name, text) for name, text in texts.items()}


def _script(name: str, text: str) -> Script:
    return Script(name, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), text)
