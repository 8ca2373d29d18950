"""Unbroken: a self-hosted, real-time AI chat backend whose answers survive whatever dies on the way.

The map. A message flows one way:

    client → server/websocket → server/connection → queue → worker → bot → worker/outbox → log
           → server/hub → server/websocket → client

`protocol` is the wire, `keys` names everything in Redis, `lua/` holds what must be atomic and `scripts` calls it;
`store`, `queue` and `log` are the three things that Redis is to us. `redis/` speaks to it. `server/` holds the
connections, `worker/` runs the bots, `models/` talks to providers; the two sides meet only in Redis.

For bots, import `Turn` and the parts from here; everything else has its own module.
"""

from __future__ import annotations

from unbroken.errors import BotError, UnbrokenError
from unbroken.models.threads import wait
from unbroken.turn import Turn
from unbroken.types import Data, File, Message, Reasoning, Source, ToolCall, ToolResult

__all__ = [
    "BotError",
    "Data",
    "File",
    "Message",
    "Reasoning",
    "Source",
    "ToolCall",
    "ToolResult",
    "Turn",
    "UnbrokenError",
    "wait",
]
__version__ = "0.1.0"
