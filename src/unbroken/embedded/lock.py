"""One process for each data directory.

Two servers on one directory would take each other's socket and write into the same file.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from unbroken.errors import ConfigurationError

FILE = "lock"


def hold(folder: Path, wait: float = 2.0) -> int:
    """Locks a directory and returns the descriptor that holds the lock; closing it, or dying, lets go.

    Every process that inherits the descriptor holds it too, so a server that outlives its parent by a moment keeps
    the next one out. That moment is what `wait` (seconds) is for.

    Raises:
        ConfigurationError: another process holds it.
        OSError: the directory cannot be written.
    """
    descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            holder = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
            os.close(descriptor)
            raise ConfigurationError(
                f"{folder} is in use by process {holder}; stop that one, or set UNBROKEN_DATA_DIR to another directory"
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return descriptor
