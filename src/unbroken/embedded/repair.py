"""Mends an append-only file whose end is damaged.

Valkey itself cuts off a last command that was only half written. After a power cut the file system may also have filled
the end with zeros or old blocks; then Valkey refuses to start. Here the file is copied, and cut where its last whole
command (or last whole script) ends.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

_REFUSED = re.compile(r"(?:Bad file format|Unrecoverable error) reading the append only file ([\w.]+)")


class Repair(NamedTuple):
    """What was done."""

    file: Path
    cut: int
    """Bytes taken off the end."""
    kept: int
    """Bytes that stayed."""
    backup: Path
    """The file as it was."""


def repair(folder: Path, log: str, server: Path) -> Repair | None:
    """Repairs what a server complained about when it refused to start.

    Only the newest incremental file is touched: damage in an older one is not the end of the data.

    Args:
        folder: the data directory, which no server uses.
        log: what the server said.
        server: its binary.

    Returns:
        None if the complaint is another one, or the damage cannot be cut off; then nothing was changed.

    Raises:
        OSError: no room for the copy.
    """
    complaint = _REFUSED.search(log)
    if not complaint or complaint[1] != _newest(folder / "appendonlydir"):
        return None
    file = folder / "appendonlydir" / complaint[1]
    backup = folder / f"{file.name}.broken-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    try:
        shutil.copy2(file, backup)
    except OSError:
        backup.unlink(missing_ok=True)
        raise
    before = file.stat().st_size
    # The server's binary is also its repair tool; it looks at the name that it was called by.
    command = ["valkey-check-aof", "--fix", str(file)]
    subprocess.run(command, executable=server, input=b"y\n", capture_output=True, check=False)  # noqa: S603 (our own)
    kept = file.stat().st_size
    if kept == before:
        backup.unlink()
        return None
    return Repair(file, before - kept, kept, backup)


def _newest(folder: Path) -> str | None:
    """The incremental file that was written last, by the manifest."""
    try:
        manifest = (folder / "appendonly.aof.manifest").read_text()
    except OSError:
        return None
    names: list[str] = re.findall(r"^file (\S+) seq \d+ type i", manifest, re.MULTILINE)
    return names[-1] if names else None
