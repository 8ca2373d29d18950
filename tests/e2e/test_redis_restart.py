"""Redis dies with kill -9 while replies stream, and comes back from its append-only file."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from tests.conftest import StartValkey
from tests.e2e.bots import answer
from tests.e2e.deployment import Deployment
from unbroken.client import Client
from unbroken.types import Role, Status

SESSIONS = 20


async def test_nothing_accepted_is_lost(private_valkey: StartValkey, prefix: str, tmp_path: Path) -> None:
    server = private_valkey("--appendfsync", "always")
    gate = tmp_path / "gate"
    async with Deployment(server.address, prefix, tmp_path) as deployment:
        (url, _), _ = await asyncio.gather(deployment.both(), deployment.worker())
        async with Client(url, timeout=90) as client:
            chats = [await client.create(f"reader {n}") for n in range(SESSIONS)]
            sent = [
                [await chat.send(f"s{n}m{m} 20 50 {gate}", id=f"s{n}m{m}") for m in range(2)]
                for n, chat in enumerate(chats)
            ]
            for messages in sent:
                for message in messages:
                    await message.accepted()
            while not all(chat.transcript.running and chat.transcript.running.text for chat in chats):
                await asyncio.sleep(0.02)

            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            await asyncio.sleep(1.0)  # servers and workers find nobody there, and words wait
            gate.touch()
            server.stop()  # lets go of the directory, which its dead server cannot do
            server.start()

            for chat, messages in zip(chats, sent, strict=True):
                replies = [await message.reply() for message in messages]
                assert [reply.status for reply in replies] == [Status.COMPLETED] * 2
                assert [reply.msg for reply in replies] == [answer(message.text) for message in messages]
                history = sorted(await chat.history(), key=lambda m: (m.turn, m.role is Role.ASSISTANT))
                assert list(chat.transcript.messages) == history
