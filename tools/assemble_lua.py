"""Writes every script as Redis gets it into a directory, for luacheck: `python tools/assemble_lua.py build/lua`."""

from __future__ import annotations

import sys
from pathlib import Path

from unbroken import scripts


def assemble(folder: Path) -> None:
    """Writes one file for each script."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*scripts.NAMES, scripts.FORGET):
        (folder / f"{name}.lua").write_text(scripts.source(name))


if __name__ == "__main__":
    assemble(Path(sys.argv[1]))
