"""What each step of a message costs Redis: commands that clients send, and commands that the scripts run inside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import pytest

from tests.costs.budget import MORE, exactly
from tests.costs.calls import Calls
from tests.costs.monitor import Count
from unbroken.backend import Backend
from unbroken.claim import Outcome
from unbroken.scripts import NAMES, source
from unbroken.types import Feedback, Session, Status

pytestmark = pytest.mark.settings(partitions=1, lease=3600)

T = TypeVar("T")

SCRIPTS = {  # commands that each runs inside
    "create": 10,
    "accept": 10,
    "take": 8,
    "renew": 4,
    "finish": 12,
    "touch": 2,
    "resume at a cursor": 6,
    "resume with a snapshot": 6,
    "rename": 12,
    "feedback": 17,
    "edit": 19,
    "withdraw": 16,
}
MANY = 100


class Desk:
    """Does one step after the other, and counts each; every step is one command and one script.

    Attributes:
        inside: how many commands each script ran.
    """

    def __init__(self, backend: Backend, count: Count) -> None:
        self.backend = backend
        self.inside: dict[str, int] = {}
        self._count = count
        self._ready = backend.redis.ready(backend.keys.tags[:1], "desk")

    async def step(self, name: str, step: Awaitable[T]) -> T:
        """Does a step and counts it."""
        async with self._count() as traffic:
            result = await step
        if name in self.inside:  # the first time loads the script
            exactly(f"{name}, in commands that are sent,", traffic.work, {"EVALSHA": 1})
        self.inside[name] = traffic.inside.total()
        return result

    async def message(self) -> None:
        """A session, and the way of a message through it."""
        queue, log, store, step = self.backend.queue, self.backend.log, self.backend.store, self.step
        _, session = await step("create", store.create("Ann"))
        id_ = session.id
        await queue.accept(id_, "0", "Hi")  # the first one makes keys, which costs more
        first = await queue.take(id_, await self._entry(), "first", attempts=3, continuing="", context=20)
        assert first is not None
        await queue.finish(first, 1, Outcome(Status.COMPLETED, "Hi"))
        await step("accept", queue.accept(id_, "1", "Hello"))
        entry = await self._entry()
        claim = await step("take", queue.take(id_, entry, "nonce", attempts=3, continuing="", context=20))
        assert claim is not None
        await step("renew", queue.renew(claim, "desk"))
        await step("finish", queue.finish(claim, 1, Outcome(Status.COMPLETED, "Hi")))
        place = await log.position(id_)
        await step("resume at a cursor", log.resume(id_, place))
        await step("resume with a snapshot", log.resume(id_, None))
        await step("touch", store.touch(id_))
        await step("rename", store.rename(id_, "Ben"))
        await step("feedback", store.feedback(id_, "1.reply", Feedback.UP))
        await queue.accept(id_, "2", "And?")
        await step("edit", queue.edit(id_, "2", "And now?"))
        await step("withdraw", queue.withdraw(id_, "2"))
        await queue.take(id_, await self._entry(), "nonce", attempts=3, continuing="", context=20)

    async def _entry(self) -> str:
        ((entry, _),) = await self._ready.read(5)
        return entry

    async def close(self) -> None:
        """Closes the connection that waits for work."""
        await self._ready.close()


async def test_each_step_is_one_script_of_known_size(backend: Backend, count: Count) -> None:
    desk = Desk(backend, count)
    await desk.message()  # loads the scripts
    await desk.message()
    await desk.close()
    exactly("each script, in commands inside,", desk.inside, SCRIPTS)


@pytest.mark.parametrize("name", NAMES)
def test_no_script_searches_the_history(name: str) -> None:
    assert "?(" not in source(name), f"a filter reads the whole document, and everyone waits for that. {MORE}"


async def test_opening_a_session_reads_four_members_not_the_history(backend: Backend, count: Count) -> None:
    token, _ = await backend.store.create("Ann")
    async with count() as traffic:
        await backend.store.open(token)
    exactly("opening a session", traffic.work, {"JSON.GET": 1})


async def test_everything_that_happens_at_once_leaves_in_one_write(backend: Backend, count: Count) -> None:
    async def create() -> list[Session]:
        made = await asyncio.gather(*(backend.store.create("Ann") for _ in range(MANY)))
        return [session for _, session in made]

    sessions = await create()
    await backend.queue.accept(sessions[0].id, "0", "Hello")
    async with count() as traffic:
        with Calls() as calls:
            await asyncio.gather(*(backend.queue.accept(session.id, "1", "Hello") for session in sessions))
    exactly(f"accepting {MANY} messages at once, in commands,", traffic.work, {"EVALSHA": MANY})
    exactly(f"accepting {MANY} messages at once, in writes,", calls.writes, 1)
