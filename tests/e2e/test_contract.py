"""The contract under fire: every accepted message gets one outcome, in order, and every client shows the history."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e.bots import answer
from tests.e2e.deployment import TAKEOVER, Deployment
from unbroken.client import Client
from unbroken.client.chat import Chat
from unbroken.types import Message, Role, Status

SESSIONS = 100
MESSAGES = 10


def question(session: int, number: int) -> str:
    return f"s{session}m{number} 8 20"


async def converse(client: Client, session: int, gate: asyncio.Semaphore, answered: asyncio.Semaphore) -> Chat:
    """Sends ten messages without waiting for replies, then waits for all of them."""
    async with gate:
        chat = await client.create(f"reader {session}")
    sent = [await chat.send(question(session, n), id=f"s{session}m{n}") for n in range(MESSAGES)]
    for one in sent:
        await one.reply()
        answered.release()
    return chat


async def wait_for(answered: asyncio.Semaphore, count: int) -> None:
    for _ in range(count):
        await answered.acquire()


def check_history(session: int, history: list[Message]) -> None:
    questions = [m for m in history if m.role is Role.USER]
    replies = [m for m in history if m.role is Role.ASSISTANT]
    assert [m.id for m in questions] == [f"s{session}m{n}" for n in range(MESSAGES)]
    assert [m.turn for m in questions] == list(range(1, MESSAGES + 1))
    assert [m.reply_to for m in replies] == [m.id for m in questions], "outcomes are one each, in order"
    assert [m.status for m in replies] == [Status.COMPLETED] * MESSAGES
    assert [m.msg for m in replies] == [answer(m.msg) for m in questions]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("deployment", [TAKEOVER], indirect=True, ids=["killed"])
async def test_a_worker_and_a_server_are_killed_under_load(deployment: Deployment) -> None:
    ((first, url), (_, other)), workers = await asyncio.gather(
        asyncio.gather(*(deployment.server() for _ in range(2))),
        asyncio.gather(*(deployment.worker() for _ in range(3))),
    )
    gate, answered = asyncio.Semaphore(20), asyncio.Semaphore(0)

    async with Client(url, other, timeout=90) as client:
        chats = [asyncio.create_task(converse(client, n, gate, answered)) for n in range(SESSIONS)]
        await wait_for(answered, SESSIONS * MESSAGES // 4)
        workers[0].kill()
        await wait_for(answered, SESSIONS * MESSAGES // 4)
        first.kill()
        for session, chat in enumerate(await asyncio.gather(*chats)):
            history = sorted(await chat.history(), key=lambda m: (m.turn, m.role is Role.ASSISTANT))
            check_history(session, [m for m in history if m.role is Role.USER] + await committed(chat))
            assert list(chat.transcript.messages) == history, "what the client shows is the history"
            assert chat.transcript.running is None


async def committed(chat: Chat) -> list[Message]:
    """The replies in the order in which they were committed."""
    return [m for m in await chat.history() if m.role is Role.ASSISTANT]
