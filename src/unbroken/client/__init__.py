"""The client: chats that stay connected, for programs, for `unbroken chat` and for the tests.

```python
from unbroken.client import Client
```

The map: `client` creates sessions over HTTP and hands out chats; `chat` is one session as a program sees it, `sent` a
message on its way, `feed` an iterator over events. Underneath, `conversation` is one side of the protocol without a
socket (with `transcript`, what is shown, and `outbox`, what is owed), and `link` keeps it connected (`backoff`).
"""

from __future__ import annotations

from unbroken.client.chat import Chat
from unbroken.client.client import BotInfo, Client
from unbroken.client.feed import ChatEvent, Disconnected, Feed
from unbroken.client.sent import Delta, Sent
from unbroken.client.transcript import OpenQuestion, Running, Transcript

__all__ = [
    "BotInfo",
    "Chat",
    "ChatEvent",
    "Client",
    "Delta",
    "Disconnected",
    "Feed",
    "OpenQuestion",
    "Running",
    "Sent",
    "Transcript",
]
