"""Writes every script as Redis gets it into a directory, for luacheck: `python tools/assemble_lua.py build/lua`.

Not every script uses all of the common part, so unused locals are tolerated there, and nowhere else.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from unbroken import scripts


def assemble(folder: Path) -> None:
    """Writes one file for each script."""
    common = (files("unbroken") / "lua" / "common.lua").read_text()
    tolerant = f"-- luacheck: push ignore 211\n{common}-- luacheck: pop\n"
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*scripts.NAMES, scripts.FORGET):
        (folder / f"{name}.lua").write_text(scripts.source(name).replace(common, tolerant))


if __name__ == "__main__":
    assemble(Path(sys.argv[1]))
