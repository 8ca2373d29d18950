"""The Valkey that `unbroken up` brings along, for one machine and no set-up.

`binaries` finds the server and its JSON module among the installed packages, `lock` gives a data directory to one
process at a time, `launch` ties the server's life to its parent's, `server` runs and watches it, `repair` mends an
append-only file whose end a power cut destroyed.
"""

from __future__ import annotations

from unbroken.embedded.server import Embedded

__all__ = ["Embedded"]
