"""What a message costs the web server, from the socket that sends it to the one that shows it as accepted."""

from __future__ import annotations

import asyncio

import pytest

from tests.costs.budget import at_most, exactly
from tests.costs.calls import Calls
from tests.costs.monitor import Count
from tests.integration.server.site import serving
from unbroken.config import Settings
from unbroken.protocol import MessageSend, encode
from unbroken.server.bounds import Bounds

ACCEPTED = 150
"""Calls for a message: its command, the answer of Redis and the event, read and written."""


@pytest.mark.settings(partitions=1, drain_grace=1.0)
async def test_a_message_is_one_write_to_redis_and_one_to_its_socket(settings: Settings, count: Count) -> None:
    async with serving(settings, Bounds()) as site:
        token, _ = await site.backend.store.create("Ann")
        async with site.native(token) as reader:
            await reader.until("snapshot")
            found = []
            for n in range(6):
                command = encode(MessageSend(str(n), "sing")).decode()
                with Calls() as calls:
                    await reader.socket.send(command)
                    async with asyncio.timeout(30):
                        assert "message.accepted" in str(await reader.socket.recv())
                    writes = calls.writes
                    await count.marker.mark()
                    await asyncio.sleep(0)  # Redis answered the server before: that is read by now
                found.append((calls.total, writes))
    total, writes = min(found)
    exactly("a message, in writes of its client, to Redis and to its socket,", writes, 3)
    at_most("a message that is accepted, in calls,", total, ACCEPTED)
