"""Everything in one command: an embedded Valkey, a server and a worker, for as long as the command runs.

`up` starts, watches and drains them; a `child` is one process that is kept running; `port` and `changes` look at the
machine; a `voice` says to people what happens.
"""

from __future__ import annotations

from unbroken.supervisor.up import up
from unbroken.supervisor.voice import Answering, Facts, Voice

__all__ = ["Answering", "Facts", "Voice", "up"]
