"""A whole deployment on Sentinel and on a cluster: chats go on while servers of Redis die and slots move."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.e2e.bots import answer
from tests.e2e.deployment import TAKEOVER, Deployment
from tests.topologies import Sentinels, ValkeyCluster
from unbroken.client import Client
from unbroken.client.chat import Chat
from unbroken.keys import Keys, slot
from unbroken.types import Role, Status

pytestmark = pytest.mark.usefixtures("_bundled")


async def converse(deployment: Deployment, sessions: int, trouble: Callable[[list[Chat]], Awaitable[None]]) -> None:
    """Two messages in each of some sessions, and trouble while the first are answered."""
    gate = deployment.output / "gate"
    (url, _), _ = await asyncio.gather(deployment.both(), deployment.worker())
    async with Client(url, timeout=90) as client:
        chats = [await client.create(f"reader {n}") for n in range(sessions)]
        sent = [
            [await chat.send(f"s{n}m{m} 40 50 {gate}", id=f"s{n}m{m}") for m in range(2)]
            for n, chat in enumerate(chats)
        ]
        for messages in sent:
            for message in messages:
                await message.accepted()
        while not all(chat.transcript.running is not None for chat in chats):
            await asyncio.sleep(0.02)
        await trouble(chats)
        gate.touch()
        for chat, messages in zip(chats, sent, strict=True):
            replies = [await message.reply() for message in messages]
            assert [(reply.status, reply.msg) for reply in replies] == [
                (Status.COMPLETED, answer(message.text)) for message in messages
            ]
            history = sorted(await chat.history(), key=lambda m: (m.turn, m.role is Role.ASSISTANT))
            assert list(chat.transcript.messages) == history


@pytest.mark.timeout(240)
async def test_chats_survive_a_failover_by_sentinel(prefix: str, tmp_path: Path) -> None:
    async with Sentinels(replicas=2) as sentinels:

        async def failover(_: list[Chat]) -> None:
            sentinels.primary.kill()
            await sentinels.promoted()

        async with Deployment(
            sentinels.address, prefix, tmp_path, ack="replica", redis_timeout=30, **TAKEOVER
        ) as deployment:
            await converse(deployment, 12, failover)


@pytest.mark.timeout(240)
async def test_chats_survive_a_failover_and_a_move_of_slots_on_a_cluster(prefix: str, tmp_path: Path) -> None:
    async with ValkeyCluster(replicas=1) as cluster:
        keys = Keys(prefix, 64)

        async def disorder(chats: list[Chat]) -> None:
            slots = [slot(keys.session(chat.session.id).tag) for chat in chats]
            owners = [await cluster.owner(one) for one in slots]
            dying = owners[0]
            moving, source = next(pair for pair in zip(slots, owners, strict=True) if pair[1] is not dying)
            (target,) = (one for one in cluster.servers[:3] if one not in (dying, source))
            dying.kill()
            await cluster.migrate(moving, target)
            await cluster.owner(slots[0])

        async with Deployment(cluster.address, prefix, tmp_path, redis_timeout=30, **TAKEOVER) as deployment:
            await converse(deployment, 20, disorder)
