"""Tests of your own bot, without Redis or with all of it.

`ask` and `Chat` run a bot as a worker does, in memory and in milliseconds: the worker's own code says what a turn
holds, what is shown, kept, replayed and committed; only Redis is played. Crashes, stops and answers come when the test
says.

    from unbroken.testing import Chat, ask

    async def test_it_says_hello():
        reply = await ask(bot, "Hello")
        assert reply.text == "Hello, Ada!"

`deployment` starts everything: a Valkey, a web server and a worker, for tests with the client or a browser.

All of it wants a running event loop, as with pytest-asyncio or `asyncio.run`. Nothing reads the environment or `.env`:
a setting is what the test says, or its default.
"""

from __future__ import annotations

from unbroken.testing.chat import Chat, ask
from unbroken.testing.deployed import Deployment, deployment
from unbroken.testing.reply import Reply

__all__ = ["Chat", "Deployment", "Reply", "ask", "deployment"]
