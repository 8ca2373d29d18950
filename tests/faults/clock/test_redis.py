"""The clock of Redis itself is set: the only one that anything is decided by.

Lifetimes and the idle times of leases are absolute times in Redis, so a step moves them. What must hold: nothing that
was accepted is lost, ids and epochs grow, and every reply is committed once.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.conftest import StartValkey, make_settings
from tests.e2e.bots import answer
from tests.e2e.deployment import TAKEOVER, Deployment
from tests.faults.clock.replies import begun, read, taken_over
from tests.faults.clock.wall import HOUR, Wall
from tests.faults.record import record
from unbroken.backend import Backend
from unbroken.client import Client
from unbroken.client.chat import Chat
from unbroken.embedded import Embedded
from unbroken.errors import SessionGone
from unbroken.types import Status

SESSIONS = 4
LEASE = 2
TTL = 900
TIMEOUT = 3
"""Seconds that a read which Redis forgot to end may hang, beside its own time."""


@pytest.fixture
def clock(wall: Callable[[], Wall]) -> Wall:
    return wall()


@pytest.fixture
def server(clock: Wall, private_valkey: StartValkey, monkeypatch: pytest.MonkeyPatch) -> Embedded:
    """A Valkey that lives by this clock."""
    with monkeypatch.context() as patch:
        for name, value in clock.environment.items():
            patch.setenv(name, value)
        return private_valkey()


@pytest.fixture
async def backend(server: Embedded, prefix: str) -> AsyncIterator[Backend]:
    backend = await Backend.open(make_settings(server.address, prefix=prefix))
    yield backend
    await backend.close()


@pytest.fixture
def deployment(server: Embedded, prefix: str, tmp_path: Path) -> Deployment:
    rules = {**TAKEOVER, "lease": LEASE, "session_ttl": TTL, "redis_timeout": TIMEOUT}
    return Deployment(server.address, prefix, tmp_path, **rules)


async def ids(backend: Backend, chat: Chat) -> tuple[int, int]:
    """The newest turn and the newest epoch."""
    keys = backend.keys.session(chat.session.id)
    tail, epoch = await backend.redis.router.command(keys.tag, "HMGET", keys.state, "tail", "epoch")
    return int(tail.split(b"-")[0]), int(epoch)


async def nothing() -> None:
    pass


async def talk(chats: list[Chat], gate: Path, then: Callable[[], Awaitable[None]] = nothing) -> int:
    """One message in each chat; something happens while all replies run, which end when the gate is opened.

    Returns how many of them began anew.
    """
    sent = [await chat.send(f"{gate.name}{n} 10 100 {gate}") for n, chat in enumerate(chats)]
    await asyncio.gather(*map(begun, sent))
    await then()
    gate.touch()  # noqa: ASYNC240 - one file, by a test
    restarts = await asyncio.gather(*map(read, sent))
    for one in sent:
        reply = await one.reply()
        assert (reply.status, reply.msg) == (Status.COMPLETED, answer(one.text))
    return sum(restarts)


async def check(chats: list[Chat], replies: int) -> None:
    for chat in chats:
        history = await chat.history()
        assert [m.status for m in history if m.reply_to] == [Status.COMPLETED] * replies, "one outcome each"
        assert [m.turn for m in history if not m.reply_to] == list(range(1, replies + 1))


@pytest.mark.timeout(240)
async def test_an_hour_back(clock: Wall, backend: Backend, deployment: Deployment, tmp_path: Path) -> None:
    times: list[float] = []
    async with deployment:
        url, worker = await deployment.both()
        async with Client(url, timeout=90) as client:
            chats = [await client.create(f"reader {n}") for n in range(SESSIONS)]
            assert not await talk(chats, tmp_path / "before")
            before = [await ids(backend, chat) for chat in chats]

            async def back() -> None:
                clock.step(-HOUR)
                await asyncio.sleep(LEASE + 1)

            assert not await talk(chats, tmp_path / "back", back), "a lease does not run out by it"
            after = [await ids(backend, chat) for chat in chats]
            assert all(new[1] > old[1] for new, old in zip(after, before, strict=True)), "epochs grow"

            async def die() -> None:
                await deployment.worker()  # it comes late, and so gets none of these
                worker.kill()
                times.append(await taken_over(chats))

            await talk(chats, tmp_path / "killed", die)
            await check(chats, 3)
            for chat in chats:
                keys = backend.keys.session(chat.session.id)
                left = [await backend.redis.router.command(keys.tag, "PTTL", key) for key in keys.script[:5]]
                assert all(0 < ms <= TTL * 1000 for ms in left), "a session that is used lives no hour longer"
    record(
        "clock of Redis set",
        "mid-reply, -1 h",
        injections=SESSIONS,
        checked="ABCF",
        recovery={"takeover from a worker that died after it": times},
    )


@pytest.mark.timeout(240)
async def test_back_while_a_worker_dies(clock: Wall, deployment: Deployment, tmp_path: Path) -> None:
    """Its lease now ends in the future: the takeover comes later by as much as the clock was set back."""
    lease, back, times = 5, 5, list[float]()
    deployment.environment["UNBROKEN_LEASE"] = str(lease)
    async with deployment:
        url, worker = await deployment.both()
        async with Client(url, timeout=90) as client:
            chats = [await client.create(f"reader {n}") for n in range(SESSIONS)]

            async def die() -> None:
                worker.kill()
                clock.step(-back)
                _, took = await asyncio.gather(deployment.worker(), taken_over(chats))
                times.append(took)

            await talk(chats, tmp_path / "dead", die)
            await check(chats, 1)
    assert times[0] > back, "though most of its lease was left when it died"
    record(
        "clock of Redis set",
        f"-{back} s as a worker dies",
        injections=SESSIONS,
        checked="ABCF",
        recovery={"takeover of its replies": times},
    )


@pytest.mark.timeout(240)
async def test_forward_by_less_than_a_session_lives(clock: Wall, deployment: Deployment, tmp_path: Path) -> None:
    """All leases run out at once. Whoever takes over early fences the other; nobody sees two replies."""
    lease, ahead = 6, 300
    deployment.environment["UNBROKEN_LEASE"] = str(lease)
    async with deployment:
        url, first = await deployment.both()
        async with Client(url, timeout=90) as client:
            chats = [await client.create(f"reader {n}") for n in range(SESSIONS)]
            gate = tmp_path / "ahead"
            sent = [await chat.send(f"ahead{n} 50 100 {gate}") for n, chat in enumerate(chats)]
            await asyncio.gather(*map(begun, sent))
            await deployment.worker()
            # Without a pause it would be a matter of luck who comes first, the renewal or the takeover.
            os.kill(first.pid, signal.SIGSTOP)
            clock.step(ahead)
            took = await taken_over(chats)
            os.kill(first.pid, signal.SIGCONT)
            gate.touch()
            for one in sent:
                reply = await one.reply()
                assert (reply.status, reply.msg) == (Status.COMPLETED, answer(one.text))
            await talk(chats, tmp_path / "later")
            await check(chats, 2)
    record(
        "clock of Redis set",
        f"mid-reply, +{ahead} s",
        injections=SESSIONS,
        checked="ABCF",
        recovery={"early takeover": [took]},
    )


@pytest.mark.timeout(240)
async def test_forward_by_more_than_a_session_lives(clock: Wall, deployment: Deployment, tmp_path: Path) -> None:
    """The sessions expire, as they would have in that time. Who asks for something is told, and new ones work."""
    async with deployment:
        url, _ = await deployment.both()
        async with Client(url, timeout=90) as client:
            chat = await client.create("reader")
            sent = await chat.send("gone 600 100")
            await begun(sent)
            clock.step(TTL + 60)
            await chat.send("are you there?")
            with pytest.raises(SessionGone):
                await sent.reply()
            assert not await talk([await client.create("another")], tmp_path / "new")
