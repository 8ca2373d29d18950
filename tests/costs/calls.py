"""Counts what our code does in a thread: the calls that it makes, and the writes to sockets. No clock is involved."""

from __future__ import annotations

import sys
from asyncio import selector_events
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any, Self

import unbroken

_OURS = str(Path(unbroken.__file__).parent)
_TRANSPORT = selector_events.__file__


class Calls:
    """Counts inside a `with`, in this thread.

    Attributes:
        ours: calls by name: each entry into a function, coroutine or generator of this package, and whatever is called
            from there.
        writes: how often something was written to a socket; asyncio's own event loop is needed for that.
    """

    def __init__(self) -> None:
        self.ours: Counter[str] = Counter()
        self.writes = 0

    @property
    def total(self) -> int:
        """All calls of ours."""
        return self.ours.total()

    def __enter__(self) -> Self:
        sys.setprofile(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _called(self, frame: FrameType, event: str, what: Any) -> None:
        code, caller = frame.f_code, frame.f_back
        if event == "call" and code.co_filename == _TRANSPORT and code.co_name == "write":
            self.writes += 1
        elif (event in ("call", "c_call") and _is_ours(frame)) or (event == "call" and _is_ours(caller)):
            self.ours[what.__name__ if event == "c_call" else code.co_name] += 1


def _is_ours(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_code.co_filename.startswith(_OURS)
