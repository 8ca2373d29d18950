"""A process that answered a session last is told the same conversation as one that reads it, but reads nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.integration.scripts.desk import Desk
from unbroken.backend import Backend
from unbroken.claim import Claim, Outcome
from unbroken.queue import Limits, Queue
from unbroken.scripts import Code, Scripts, Taken
from unbroken.turn import Journal
from unbroken.types import Data, Feedback, Question, Status, ToolCall


class Counting(Scripts):
    """Scripts that count the takes that read messages."""

    reads = 0

    async def take(self, *args: object, **more: object) -> Taken:
        taken = await super().take(*args, **more)  # type: ignore[arg-type]
        self.reads += bool(taken.found)
        return taken


class Process:
    """What one worker's process knows."""

    def __init__(self, backend: Backend) -> None:
        self.scripts = Counting(backend.redis.router, 3600)
        self.queue = Queue(backend.redis.router, backend.keys, self.scripts, Limits(65_536, 20, 1000))

    async def take(self, desk: Desk, nonce: str = "n", context: int = 4) -> Claim:
        entry = await desk.entry()
        claim = await self.queue.take(desk.session, entry, nonce, attempts=3, continuing=",,", context=context)
        assert claim is not None
        return claim

    async def answer(self, desk: Desk, outcome: Outcome) -> Claim:
        claim = await self.take(desk)
        assert await self.queue.finish(claim, 1, outcome)
        return claim


@pytest.fixture
async def desk(backend: Backend) -> Desk:
    return await Desk.open(backend, "s")


@pytest.fixture
def worker(backend: Backend) -> Process:
    return Process(backend)


@pytest.fixture
def stranger(backend: Backend) -> Process:
    return Process(backend)


def said(text: str) -> Outcome:
    return Outcome(Status.COMPLETED, text)


async def the_same(desk: Desk, worker: Process, stranger: Process) -> Claim:
    """Both take the attempt, which is the same one, and are told the same."""
    before = worker.scripts.reads
    claim = await worker.take(desk, "same")
    read = await stranger.take(desk, "same")
    assert claim._replace(known=None) == read._replace(known=None)
    worker.scripts.reads -= before
    return claim


async def test_a_conversation_is_read_once(desk: Desk, worker: Process, stranger: Process) -> None:
    for number in range(5):
        await desk.accept(f"m{number}", "hello")
        await worker.answer(desk, said(f"reply {number}"))
    await desk.accept("m5")
    claim = await the_same(desk, worker, stranger)
    assert [one.id for one in claim.context] == ["m3", "m3.reply", "m4", "m4.reply", "m5"]
    assert claim.context[-2] == (await desk.history())[-2]
    assert worker.scripts.reads == 0
    assert stranger.scripts.reads == 1


async def test_what_waits_behind_the_message_is_nobodys_context(desk: Desk, worker: Process, stranger: Process) -> None:
    for number in range(3):
        await desk.accept(f"m{number}")
    for number in range(2):
        await worker.answer(desk, said(f"reply {number}"))
    claim = await the_same(desk, worker, stranger)
    assert [one.id for one in claim.context] == ["m0", "m0.reply", "m1", "m1.reply", "m2"]
    assert worker.scripts.reads == 0


async def test_a_failed_reply_is_remembered(desk: Desk, worker: Process, stranger: Process) -> None:
    await desk.accept("m1")
    await worker.answer(desk, Outcome(Status.FAILED, "par"))
    await desk.accept("m2")
    await the_same(desk, worker, stranger)
    assert worker.scripts.reads == 0


async def another_answered(desk: Desk, other: Process) -> None:
    await desk.accept("between")
    await other.answer(desk, said("by another"))


async def renamed(desk: Desk, other: Process) -> None:
    assert await desk.scripts.rename(desk.keys, desk.session, "Bob") is Code.OK


async def judged(desk: Desk, other: Process) -> None:
    assert await desk.scripts.feedback(desk.keys, desk.session, "m1", Feedback.UP) is Code.OK


async def cancelled(desk: Desk, other: Process) -> None:
    await desk.accept("between")
    assert await desk.cancel("between") is Code.QUEUED


async def withdrawn(desk: Desk, other: Process) -> None:
    await desk.accept("between")
    assert await desk.scripts.withdraw(desk.keys, desk.session, "between") is Code.OK


async def replaced(desk: Desk, other: Process) -> None:
    await desk.scripts.accept(desk.keys, desk.session, "between", "better", 20, 1000, replaces="m1")


async def lapsed(desk: Desk, other: Process) -> None:
    await desk.accept("between")
    await other.take(desk, "of one who dies")


async def stopped_and_answered_together(desk: Desk, other: Process) -> None:
    await desk.accept("between")
    await desk.scripts.accept(desk.keys, desk.session, "both", "and this", 20, 1000, policy="merge")


@pytest.mark.parametrize(
    ("happens", "reads"),
    [
        (another_answered, 1),
        (renamed, 1),
        (judged, 1),
        (cancelled, 1),
        (withdrawn, 1),
        (replaced, 1),
        (lapsed, 0),
        (stopped_and_answered_together, 1),
    ],
)
async def test_what_happened_since_is_noticed(
    desk: Desk,
    worker: Process,
    stranger: Process,
    happens: Callable[[Desk, Process], Awaitable[None]],
    reads: int,
) -> None:
    await desk.accept("m1")
    await worker.answer(desk, said("one"))
    await happens(desk, stranger)
    await desk.accept("m2")
    await the_same(desk, worker, stranger)
    assert worker.scripts.reads == reads


async def test_the_answer_to_a_question_is_told_what_led_to_it(desk: Desk, worker: Process, stranger: Process) -> None:
    await desk.accept("m1")
    asking = Outcome(Status.COMPLETED, "Which?", parts=[Question("Which?")], journal=Journal())
    await worker.answer(desk, asking)
    await desk.accept("m2", "this one")
    claim = await the_same(desk, worker, stranger)
    assert claim.subject.id == "m1"
    assert worker.scripts.reads == 1


async def test_nobody_changes_what_is_remembered(desk: Desk, worker: Process, stranger: Process) -> None:
    await desk.accept("m1")
    call = Outcome(Status.COMPLETED, "", parts=[ToolCall("1", "search", {"for": ["this"]})])
    await worker.answer(desk, call)
    for number in (2, 3):
        await desk.accept(f"m{number}")
        claim = await worker.answer(desk, said("found"))
        [called] = claim.context[1].parts
        assert isinstance(called, ToolCall)
        called.arguments["for"].append("that")
        for message in claim.context:
            message.parts.append(called)
        claim.context.clear()
    await desk.accept("m4")
    await the_same(desk, worker, stranger)
    assert worker.scripts.reads == 0


async def test_another_size_of_context_is_read(desk: Desk, worker: Process) -> None:
    for number in range(3):
        await desk.accept(f"m{number}")
        await worker.answer(desk, said("yes"))
    await desk.accept("m3")
    claim = await worker.take(desk, context=6)
    assert len(claim.context) == 7


@pytest.mark.parametrize(
    ("value", "reads"),
    [(0.10222715811004823, 1), ([{"n": 10**30}], 1), (-(2**63) - 1, 1), ([{"n": 2**64 - 1}, None], 0)],
)
async def test_what_the_store_rounds_is_read(
    desk: Desk, worker: Process, stranger: Process, value: object, reads: int
) -> None:
    await desk.accept("m1")
    await worker.answer(desk, Outcome(Status.COMPLETED, "", parts=[Data("score", value)]))
    await desk.accept("m2")
    await the_same(desk, worker, stranger)
    assert worker.scripts.reads == reads
