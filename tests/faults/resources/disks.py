"""Disks that can be filled up and emptied again, under the data directory of `unbroken up`."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import disk_usage
from typing import Protocol

import pytest

SIZE = "16m"


class Disk(Protocol):
    """Attributes: folder, a directory on it."""

    folder: Path

    def fill(self) -> None:
        """Leaves no byte for Valkey."""

    def empty(self) -> None:
        """Gives it room again."""


class Tmpfs:
    """A real file system, mounted for the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        with self._ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        assert disk_usage(self.folder).free == 0

    def empty(self) -> None:
        self._ballast.unlink()


class Quota:
    """A limit on the size of Valkey's files: to it, the same as a full disk. It ends with that process."""

    def __init__(self, folder: Path, pid: Callable[[], int]) -> None:
        self.folder = folder
        self._pid = pid

    def fill(self) -> None:
        self._limit(max(file.stat().st_size for file in self.folder.rglob("*.aof")))

    def empty(self) -> None:
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        resource.prlimit(self._pid(), resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextmanager
def mounted(folder: Path) -> Iterator[Tmpfs]:
    """A small disk; skips where this user may not mount."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a disk")
    try:
        yield Tmpfs(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
