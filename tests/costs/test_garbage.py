"""What a reply leaves behind in the worker when it has ended."""

from __future__ import annotations

import gc
from collections import Counter

import pytest

from tests.costs.budget import exactly
from tests.integration.worker.harness import Talk, until, working
from unbroken.backend import Backend
from unbroken.models.scripted import Scripted

pytestmark = pytest.mark.settings(partitions=1, lease=3600)


async def test_replies_that_ended_leave_nothing_to_the_garbage_collector(backend: Backend) -> None:
    """A search through all that the process holds would cost a worker more than any step of a message."""
    talk = await Talk.begin(backend)
    bot = Scripted()

    async def reply_twice() -> None:
        await talk.ask("say one; say two")
        cancelled = await talk.send("say three; hang")
        await talk.shows("three")
        await backend.queue.cancel(talk.session, cancelled)
        await talk.outcome(cancelled)
        await until(lambda: not worker._replies)
        bot.turns.clear()

    async with working(backend, bot) as worker:
        await reply_twice()  # loads the scripts
        gc.collect()
        gc.disable()
        try:
            await reply_twice()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            left = Counter(type(one).__name__ for one in gc.garbage if type(one).__module__.startswith("unbroken"))
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    exactly("replies that ended, in objects that only the garbage collector can free,", left, {})
