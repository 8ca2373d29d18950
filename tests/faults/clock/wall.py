"""A wall clock that a test can set, for the processes that are started with it (libfaketime)."""

from __future__ import annotations

from pathlib import Path

HOUR = 3600

_PLACES = (Path("/usr/lib"), Path("/usr/local/lib"))


def library() -> Path | None:
    """libfaketime for programs with threads, as Debian's package `faketime` brings it."""
    found = (path for place in _PLACES for path in place.glob("**/faketime/libfaketimeMT.so.1"))
    return next(found, None)


class Wall:
    """The clock of one machine. Setting it moves the time of day and nothing else, as it does in earnest.

    Processes read the file at each look at the clock; the monotonic clock is the real one.

    Args:
        file: what tells the processes how wrong their clock is.
        preload: of libfaketime.
    """

    def __init__(self, file: Path, preload: Path) -> None:
        self._file = file
        self.step(0)
        self.environment = {
            "LD_PRELOAD": str(preload),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, seconds: int) -> None:
        """From now on the clock is wrong by so much."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)  # nobody may read half of it
