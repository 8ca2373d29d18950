"""How the cost of each operation grows: with sessions, with waiting work, with the history of a session.

    python -m benchmarks.growth [--rounds 7]

Three curves, each over sizes that are ten times apart. All sizes exist at once, each operation runs in small batches,
the sizes take turns, and the median of the rounds counts. What is measured is the time of Valkey's main thread on a
processor, as the kernel counts it for this thread (`schedstat`, in nanoseconds): reading the command, running it and
writing the answer, but not the waiting for a turn on a busy machine.

- sessions: servers with so many open sessions, all subscribed, each with a running reply; flushes of 100 chunks write
  and show one in each session in turn. What is left of growth here is the processor's caches: 10,000 logs and channels
  do not fit in, whatever the order
- waiting: servers whose ready stream holds so many other sessions that have work
- messages: sessions on one server with so many messages in their history

Every script does the same work whatever the size; what has to grow is the snapshot, which holds the whole history.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import TypeVar

import msgspec
import uvloop

from unbroken.backend import Backend
from unbroken.claim import Claim, Outcome
from unbroken.config import Settings
from unbroken.embedded import Embedded
from unbroken.log import Appender, Kind
from unbroken.protocol import ReplyDelta, encode
from unbroken.types import Feedback, Message, Role, Status

SESSIONS = (10, 100, 1_000, 10_000)
WAITING = (0, 10, 1_000, 100_000)
MESSAGES = (10, 100, 1_000, 10_000)
BATCH = 10
"""Sessions that an operation is measured on at once."""
FLUSH = 100
"""Chunks in one flush."""
TEXT = "x" * 200
"""A message or a reply; a chunk has the first five characters of it."""

Costs = dict[str, dict[int, list[float]]]
"""Microseconds of each round, by operation and size."""
T = TypeVar("T")


class Bench:
    """A deployment on a Valkey of its own, with one partition."""

    def __init__(self, server: Embedded, backend: Backend) -> None:
        assert server.pid is not None
        self._clock = Path(f"/proc/{server.pid}/schedstat")
        self.backend = backend
        (self.tag,) = backend.keys.tags
        self.ready = backend.redis.ready((self.tag,), "bench")

    async def cost(self, operations: Sequence[Awaitable[T]]) -> tuple[float, list[T]]:
        """Runs operations side by side, in one write. Returns Valkey's microseconds for each, and their results."""
        await asyncio.sleep(0.005)  # what was before is done: the thread sleeps, and its clock is exact
        before = self._spent()
        results = await asyncio.gather(*operations)
        await asyncio.sleep(0.005)
        return (self._spent() - before) / len(operations) / 1000, results

    def _spent(self) -> int:
        return int(self._clock.read_text().split()[0])

    async def sessions(self, count: int) -> list[str]:
        """Creates sessions."""
        made: list[str] = []
        while len(made) < count:
            some = [self.backend.store.create("Ann") for _ in range(min(200, count - len(made)))]
            made += [session.id for _, session in await asyncio.gather(*some)]
        return made

    async def accept(self, session: str) -> str:
        """Sends a message and returns its id."""
        message_id = secrets.token_hex(8)
        await self.backend.queue.accept(session, message_id, TEXT)
        return message_id

    async def take(self, session: str, entry: str) -> Claim:
        """Starts the next reply of a session."""
        claim = await self.backend.queue.take(
            session, entry, secrets.token_hex(8), attempts=3, continuing="", context=20
        )
        assert claim is not None
        return claim

    async def finish(self, claim: Claim) -> bool:
        """Commits a reply."""
        return await self.backend.queue.finish(claim, 1, Outcome(Status.COMPLETED, TEXT))

    async def entries(self, count: int) -> list[tuple[str, str]]:
        """Reads entries of the ready stream, as (session, entry)."""
        return [(session, entry) for _ in range(count) for entry, session in await self.ready.read(1.0)]

    async def close(self) -> None:
        """Closes the connections."""
        await self.ready.close()
        await self.backend.close()


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """Starts a server and connects to it."""
    with (
        tempfile.TemporaryDirectory(prefix="ub-") as folder,
        # a rewrite of the file would fork in the middle of a measurement
        Embedded(Path(folder), extra_args=("--auto-aof-rewrite-percentage", "0")) as server,
    ):
        settings = Settings(
            _env_file=None,  # type: ignore[call-arg]
            redis_url=server.address,
            partitions=1,
            turn_limit=1_000_000,
            session_ttl=0,
        )
        made = Bench(server, await Backend.open(settings))
        try:
            yield made
        finally:
            await made.close()


def note(costs: Costs, operation: str, size: int, cost: float) -> None:
    """Keeps one measurement."""
    costs.setdefault(operation, {}).setdefault(size, []).append(cost)


# Open sessions


class Crowd:
    """Sessions that all run a reply and are all watched."""

    def __init__(self, made: Bench, sessions: Iterable[str]) -> None:
        self._made = made
        self._live = made.backend.redis.live(lambda *_: None, lambda *_: None)
        self._keys = [made.backend.keys.session(session) for session in sessions]
        self._turns = itertools.cycle([Appender(keys) for keys in self._keys])
        self._seq = itertools.count(2)

    async def start(self) -> None:
        """Begins the replies and the subscriptions."""
        router, tag = self._made.backend.redis.router, self._made.tag
        await self._live.start()
        for some in _portions(self._keys, 200):
            await asyncio.gather(*(self._live.subscribe(keys.events, tag) for keys in some))
            await router.pipeline(tag, *(("XADD", keys.log, "1-1", "k", "s", "f", "{}") for keys in some))

    async def flush(self) -> None:
        """Writes and shows `FLUSH` chunks, each in the next session."""
        commands: list[bytes] = []
        frame = encode(ReplyDelta(1, TEXT[:5]))
        for appender in itertools.islice(self._turns, FLUSH):
            commands += appender.commands(1, next(self._seq), Kind.DELTA.value, frame)
        replies = await self._made.backend.redis.router.send(self._made.tag, commands)
        assert not any(isinstance(reply, Exception) for reply in replies)

    async def close(self) -> None:
        """Ends the subscriptions."""
        await self._live.close()


async def over_sessions(rounds: int) -> Costs:
    """Measures a flush, and creating a session, on servers with ever more sessions."""
    costs: Costs = {}
    async with AsyncExitStack() as stack:
        crowds = {}
        for size in SESSIONS:
            made = await stack.enter_async_context(bench())
            crowd = Crowd(made, await made.sessions(size))
            stack.push_async_callback(crowd.close)
            await crowd.start()
            crowds[size] = made, crowd
        for turn in range(rounds + 1):
            for size, (made, crowd) in crowds.items():
                await crowd.flush()  # it is this server's turn: its code is back in the processor's caches
                flush, _ = await made.cost([crowd.flush() for _ in range(BATCH)])
                create, _ = await made.cost([made.backend.store.create("Ann") for _ in range(BATCH)])
                if turn:
                    note(costs, "write and show a chunk", size, flush / FLUSH)
                    note(costs, "create", size, create)
    return costs


# Waiting work


async def over_waiting(rounds: int) -> Costs:
    """Measures the way of a message through a queue in which ever more sessions wait."""
    costs: Costs = {}
    async with AsyncExitStack() as stack:
        servers = {}
        for size in WAITING:
            made = await stack.enter_async_context(bench())
            servers[size] = made
            await _fill(made, size)
        for turn in range(rounds + 1):
            for size, made in servers.items():
                found = await _message(made, await made.sessions(BATCH), _waiting_entry)
                busy = await _full_inbox(made)
                if turn:
                    for operation, cost in {**found, "refuse: the inbox is full": busy}.items():
                        note(costs, operation, size, cost)
    return costs


async def _fill(made: Bench, count: int) -> None:
    """Puts sessions into the ready stream that never come to their turn."""
    ready = made.backend.keys.partition(made.tag).ready
    await made.ready.read(0)  # makes the group
    for some in _portions(range(count), 1000):
        await made.backend.redis.router.pipeline(made.tag, *(("XADD", ready, "*", "s", f"other-{n}") for n in some))


async def _waiting_entry(made: Bench, session: str) -> tuple[str, str]:
    """The entry of a session, claimed out of its turn: those before it go on waiting."""
    state = await made.backend.store.state(session)
    return session, state["rid"]


async def _full_inbox(made: Bench) -> float:
    (session,) = await made.sessions(1)
    for _ in range(made.backend.settings.inbox_limit):
        await made.accept(session)
    cost, refusals = await made.cost([_refused(made, session) for _ in range(BATCH)])
    assert all(refusals)
    await made.backend.store.delete(session)
    return cost


async def _refused(made: Bench, session: str) -> bool:
    result = await made.backend.scripts.accept(
        made.backend.keys.session(session), session, secrets.token_hex(8), TEXT, 20, 1_000_000
    )
    return result.code == "BUSY"


# Long conversations


async def over_messages(rounds: int) -> Costs:
    """Measures everything that touches the history, in sessions whose histories are ever longer."""
    costs: Costs = {}
    async with bench() as made:
        histories = {size: await made.sessions(BATCH) for size in MESSAGES}
        for size, sessions in histories.items():
            await asyncio.gather(*(_remember(made, session, size) for session in sessions))
        for turn in range(rounds + 1):
            for size, sessions in histories.items():
                found = await _message(made, sessions, _next_entry)
                found |= await _changing(made, sessions)
                found |= await _reading(made, sessions)
                if turn:
                    for operation, cost in found.items():
                        note(costs, operation, size, cost)
        for _, size in itertools.product(range(rounds), MESSAGES):  # at the end: they empty the processor's caches
            cost, pages = await made.cost([made.backend.log.resume(session, None) for session in histories[size]])
            assert all(page.snapshot is not None for page in pages)
            note(costs, "resume with a snapshot", size, cost)
    return costs


async def _next_entry(made: Bench, session: str) -> tuple[str, str]:
    return (await made.entries(1))[0]


async def _remember(made: Bench, session: str, size: int) -> None:
    """Gives a session a past."""
    keys = made.backend.keys.session(session)
    past = [
        Message(id=f"{turn}{suffix}", msg=TEXT, role=role, timestamp="2025-01-01T00:00:00.000Z", turn=turn)
        for turn in range(1, size // 2 + 1)
        for suffix, role in (("", Role.USER), (".reply", Role.ASSISTANT))
    ]
    newest = f"{size // 2}-1"
    await made.backend.redis.router.pipeline(
        made.tag,
        ("JSON.SET", keys.doc, "$.messages", msgspec.json.encode(past)),
        ("HSET", keys.state, "tail", newest, "done", newest),
        *(("HSET", keys.ids, str(turn), f"{turn}-1") for turn in range(1, size // 2 + 1)),
    )


async def _reading(made: Bench, sessions: list[str]) -> dict[str, float]:
    """What a client costs that comes back with its place."""
    log = made.backend.log
    places = [await log.position(session) for session in sessions]
    resuming = [log.resume(session, place) for session, place in zip(sessions, places, strict=True)]
    cost, pages = await made.cost(resuming)
    assert all(page.snapshot is None for page in pages)
    return {"resume at a cursor": cost}


async def _changing(made: Bench, sessions: list[str]) -> dict[str, float]:
    """What a reader can change."""
    store, queue, found = made.backend.store, made.backend.queue, {}
    found["rename"], _ = await made.cost([store.rename(session, "Ann") for session in sessions])
    found["feedback on an old reply"], _ = await made.cost(
        [store.feedback(one, "1.reply", Feedback.UP) for one in sessions]
    )
    waiting = [(one, await made.accept(one)) for one in sessions]
    found["edit a waiting message"], _ = await made.cost([queue.edit(*one, TEXT.upper()) for one in waiting])
    found["withdraw a waiting message"], _ = await made.cost([queue.withdraw(*one) for one in waiting])
    for session, entry in await made.entries(len(sessions)):
        await made.backend.queue.take(session, entry, "none", attempts=3, continuing="", context=20)
    return found


# What they share


async def _message(
    made: Bench, sessions: list[str], entry: Callable[[Bench, str], Awaitable[tuple[str, str]]]
) -> dict[str, float]:
    """The way of one message through each session, from its acceptance to the outcome."""
    found = {}
    found["accept"], _ = await made.cost([made.accept(session) for session in sessions])
    entries = [await entry(made, session) for session in sessions]
    found["take"], claims = await made.cost([made.take(*one) for one in entries])
    found["renew"], _ = await made.cost([made.backend.queue.renew(claim, "bench") for claim in claims])
    found["finish"], _ = await made.cost([made.finish(claim) for claim in claims])
    return found


def _portions(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def report(title: str, costs: Costs) -> str:
    """A table in Markdown: medians in microseconds for each operation and size, and the last ÷ the first."""
    sizes = sorted(next(iter(costs.values())))
    lines = [
        f"| µs of Valkey, {title} | " + " | ".join(f"{size:,}" for size in sizes) + " | last ÷ first |",
        "|---|" + "--:|" * (len(sizes) + 1),
    ]
    for operation, by_size in costs.items():
        medians = [median(by_size[size]) for size in sizes]
        cells = [f"{cost:,.1f}" for cost in medians]
        lines.append(f"| {operation} | {' | '.join(cells)} | {medians[-1] / medians[0]:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Runs the three measurements and prints their tables."""
    parser = argparse.ArgumentParser(description="How costs grow.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=("sessions", "waiting", "messages"))
    given = parser.parse_args()
    for title, measure in (("sessions", over_sessions), ("waiting", over_waiting), ("messages", over_messages)):
        if given.only in (None, title):
            print(report(title, uvloop.run(measure(given.rounds))), flush=True)
            print()


if __name__ == "__main__":
    main()
