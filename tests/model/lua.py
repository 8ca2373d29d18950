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
        script: the script that is damaged, or `*` for the part that all share.
        text: what is replaced; it must be there.
    """

    script: str
    text: str
    instead: str


def assemble(*damages: Damage) -> dict[str, Script]:
    """All scripts by name. Only `now` differs from what production runs, and what the damages change."""
    return {name: _assemble(name, damages) for name in (*NAMES, FORGET)}


def _assemble(name: str, damages: tuple[Damage, ...]) -> Script:
    text, replaced = _NOW.subn(_VIRTUAL, source(name))
    assert replaced == (name in NAMES), f"{name}: there is not one now() to replace"
    assert "TIME'" not in text, f"{name}: something else reads the clock"
    for damage in damages:
        if damage.script == name or (damage.script == "*" and name in NAMES):
            assert damage.text in text, f"{name}: the text to damage is not there: {damage.text}"
            text = text.replace(damage.text, damage.instead)
    return Script(name, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), text)
