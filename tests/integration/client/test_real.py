"""The client against real servers and workers in processes of their own, which die."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.integration.processes import Program
from unbroken.backend import Backend
from unbroken.client import Chat, ChatEvent, Client, Delta, Disconnected
from unbroken.embedded import Embedded
from unbroken.errors import MessageRefused, NotAuthenticated, NotWaiting, Refused, SessionGone
from unbroken.protocol import (
    MessageAccepted,
    ReplyCompleted,
    ReplyDelta,
    ReplyStarted,
    SessionReady,
    Snapshot,
)
from unbroken.types import Feedback, Status

Start: TypeAlias = Callable[..., Program]

BOT = "unbroken.models.scripted:continuing"

GATED = """
import asyncio
from pathlib import Path

async def bot(turn):
    for number in range(1, 61):
        yield f"{number} "
        if number % 20 == 0:
            while turn.number == 1 and not Path(f"beyond-{number}").exists():
                await asyncio.sleep(0.01)
"""
"""Counts to 60. In the first turn it waits at 20, 40 and 60 until a file is there."""


@pytest.fixture
def start(valkey: Embedded, prefix: str, tmp_path: Path) -> Iterator[Start]:
    started: list[Program] = []
    common = {"REDIS_URL": valkey.address, "UNBROKEN_PREFIX": prefix, "UNBROKEN_LEASE": "1.5"}

    def begin(*arguments: str, **env: str) -> Program:
        started.append(Program(*arguments, cwd=tmp_path, env=common | env))
        return started[-1]

    yield begin
    for program in started:
        program.end()


def serve(start: Start, port: int, **env: str) -> tuple[Program, str]:
    server = start("server", "--port", str(port), **env)
    server.until("running on|Uvicorn running|ready")
    return server, f"http://127.0.0.1:{port}"


def work(start: Start, bot: str = BOT) -> Program:
    worker = start("worker", bot)
    worker.until("is ready")
    return worker


def counted(number: int) -> str:
    return "".join(f"{n} " for n in range(1, number + 1))


class Watcher:
    """Collects everything that a chat shows."""

    def __init__(self, chat: Chat) -> None:
        self.events: list[ChatEvent] = []
        self._task = asyncio.create_task(self._watch(chat))

    async def _watch(self, chat: Chat) -> None:
        async for event in chat.events():
            self.events.append(event)

    def text(self, turn: int) -> str:
        """What a reader of the events sees of one reply at its end: its deltas, and what the end adds to them."""
        said = ""
        for event in self.events:
            if isinstance(event, ReplyStarted) and event.turn == turn:
                said = event.text
            elif isinstance(event, ReplyDelta) and event.turn == turn:
                said += event.text
            elif isinstance(event, ReplyCompleted) and event.message.turn == turn:
                assert event.message.msg.startswith(said), "a hole or a repetition"
                said = event.message.msg
        return said

    async def replies(self, number: int) -> None:
        """Waits until it has seen so many."""
        while sum(isinstance(event, ReplyCompleted) for event in self.events) < number:
            await asyncio.sleep(0.01)

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_a_chat_with_the_real_thing(start: Start, free_port: Callable[[], int]) -> None:
    _, url = serve(start, free_port())
    work(start)
    async with Client(url) as client:
        chat = await client.create("Ada")
        assert chat.session.name == "Ada"
        sent = await chat.send("pace 0.01; count 20")
        assert "".join([piece async for piece in sent]) == counted(20)
        first = await sent.reply()
        assert await chat.history() == list(chat.transcript.messages)

        stopped = await chat.send("say begun; hang")
        assert await anext(aiter(stopped)) == "begun"
        await chat.cancel(stopped.id)
        assert ((await stopped.reply()).status, (await stopped.reply()).msg) == (Status.CANCELLED, "begun")

        failed = await (await chat.send("say half; fail because I say so")).reply()
        assert (failed.status, failed.msg) == (Status.FAILED, "half")
        assert failed.error is not None
        assert failed.error.message == "because I say so"

        with pytest.raises(MessageRefused, match="empty"):
            await (await chat.send("  ")).accepted()
        with pytest.raises(Refused, match="Enter a valid name"):
            await client.create(" ")
        with pytest.raises(NotAuthenticated):
            await client.attach(chat.token + "x")

        async with await client.attach(chat.token) as other:
            assert other.transcript == chat.transcript
            assert await (await other.send("pace 0.01; count 20", sent.id)).reply() == first


async def test_a_server_that_dies_in_the_middle_of_a_reply(
    start: Start, free_port: Callable[[], int], tmp_path: Path, backend: Backend
) -> None:
    (tmp_path / "gated.py").write_text(GATED)
    port = free_port()
    server, url = serve(start, port)
    work(start, "gated:bot")
    async with Client(url) as client:
        chat = await client.create("Ada")
        watcher = Watcher(chat)
        sent = await chat.send("count")
        pieces = aiter(sent)
        seen: list[Delta] = []
        while "".join(seen) != counted(20):
            seen.append(await anext(pieces))
        server.signal(signal.SIGKILL)
        server.wait()
        while chat.connected:
            await asyncio.sleep(0.01)
        (tmp_path / "beyond-20").touch()
        while not any(b"40 " in entry.frame for entry in (await backend.log.resume(chat.session.id, None)).entries):
            await asyncio.sleep(0.01)
        while_away = await chat.send("count")
        await asyncio.to_thread(serve, start, port)
        while "".join(seen) != counted(40):
            seen.append(await anext(pieces))
        (tmp_path / "beyond-40").touch()
        (tmp_path / "beyond-60").touch()
        seen += [piece async for piece in pieces]
        assert "".join(seen) == counted(60)
        assert not any(piece.restart for piece in seen)
        assert (await while_away.reply()).msg == counted(60)
        await watcher.replies(2)
        kinds = [type(event) for event in watcher.events]
        assert kinds.count(Snapshot) == 1, "nothing but the beginning was a snapshot"
        assert Disconnected in kinds
        assert kinds.count(SessionReady) == 1
        assert watcher.text(1) == watcher.text(2) == counted(60)
        assert [e.message.id for e in watcher.events if isinstance(e, MessageAccepted)] == [sent.id, while_away.id]
        assert kinds.count(ReplyCompleted) == 2
        await watcher.end()


async def test_a_reply_that_ended_while_nobody_watched_comes_in_a_snapshot(
    start: Start, free_port: Callable[[], int], tmp_path: Path, backend: Backend
) -> None:
    (tmp_path / "gated.py").write_text(GATED)
    port = free_port()
    server, url = serve(start, port)
    work(start, "gated:bot")
    async with Client(url) as client:
        chat = await client.create("Ada")
        watcher = Watcher(chat)
        sent = await chat.send("count")
        pieces = aiter(sent)
        seen = [await anext(pieces)]
        server.signal(signal.SIGKILL)
        server.wait()
        for number in (20, 40, 60):
            (tmp_path / f"beyond-{number}").touch()
        while len((await backend.store.read(chat.session.id)).messages) < 2:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(serve, start, port)
        seen += [piece async for piece in pieces]
        assert "".join(seen) == counted(60)
        assert (await sent.reply()).msg == counted(60)
        await asyncio.sleep(0)
        assert sum(isinstance(event, Snapshot) for event in watcher.events) == 2
        await watcher.end()


async def test_two_servers_that_die_in_turn(start: Start, free_port: Callable[[], int], tmp_path: Path) -> None:
    (tmp_path / "gated.py").write_text(GATED)
    ports = [free_port(), free_port()]
    servers = [serve(start, port)[0] for port in ports]
    work(start, "gated:bot")
    async with Client(*(f"http://127.0.0.1:{port}" for port in ports)) as client:
        chat = await client.create("Ada")
        watcher = Watcher(chat)
        sent = await chat.send("count")
        pieces = aiter(sent)
        for turn in range(3):
            shown = ""
            while not shown.endswith(f"{20 * (turn + 1)} "):
                shown += await anext(pieces)
            mine = turn % 2
            servers[mine].signal(signal.SIGKILL)
            servers[mine].wait()
            while len([event for event in watcher.events if isinstance(event, SessionReady)]) <= turn:
                await asyncio.sleep(0.01)
            (tmp_path / f"beyond-{20 * (turn + 1)}").touch()
            servers[mine] = (await asyncio.to_thread(serve, start, ports[mine]))[0]
        assert (await sent.reply()).msg == counted(60)
        await watcher.replies(1)
        assert watcher.text(1) == counted(60)
        assert sum(isinstance(event, Disconnected) for event in watcher.events) >= 3
        assert sum(isinstance(event, Snapshot) for event in watcher.events) == 1
        await watcher.end()


async def test_a_server_that_drains_is_left_in_peace(start: Start, free_port: Callable[[], int]) -> None:
    ports = [free_port(), free_port()]
    servers = [serve(start, port)[0] for port in ports]
    work(start)
    async with Client(*(f"http://127.0.0.1:{port}" for port in ports)) as client:
        chat = await client.create("Ada")
        sent = await chat.send("pace 0.05; count 60")
        pieces = aiter(sent)
        seen = [await anext(pieces)]
        servers[0].signal(signal.SIGTERM)
        assert await asyncio.to_thread(servers[0].wait) == 0
        seen += [piece async for piece in pieces]
        assert "".join(seen) == counted(60)
        assert chat.connected


async def test_a_worker_that_dies_is_not_seen(start: Start, free_port: Callable[[], int]) -> None:
    _, url = serve(start, free_port())
    worker = work(start)
    async with Client(url) as client:
        chat = await client.create("Ada")
        sent = await chat.send("count 20; sleep 1; count 20")
        pieces = aiter(sent)
        seen = [await anext(pieces)]
        worker.signal(signal.SIGKILL)
        worker.wait()
        work(start)
        seen += [piece async for piece in pieces]
        assert "".join(seen) == counted(20) * 2
        assert not any(piece.restart for piece in seen)


async def test_busy_is_waited_out_in_order(start: Start, free_port: Callable[[], int]) -> None:
    _, url = serve(start, free_port(), UNBROKEN_INBOX_LIMIT="2")
    async with Client(url) as client:
        chat = await client.create("Ada")
        all_sent = [await chat.send(f"say {number}") for number in range(5)]
        await all_sent[1].accepted()
        await asyncio.sleep(0.3)
        assert len(chat.transcript.messages) == 2
        work(start)
        assert [(await sent.reply()).msg for sent in all_sent] == [str(number) for number in range(5)]
        assert [m.msg for m in chat.transcript.messages if m.reply_to] == [str(number) for number in range(5)]


async def test_what_waits_can_be_changed(start: Start, free_port: Callable[[], int]) -> None:
    _, url = serve(start, free_port())
    work(start)
    async with Client(url) as client:
        chat = await client.create("Ada")
        async with await client.attach(chat.token) as other:
            first, second, third, fourth = [
                await chat.send(text) for text in ("say a; hang", "say b", "say c", "say oops")
            ]
            assert await anext(aiter(first)) == "a"
            await fourth.accepted()
            await chat.edit(second.id, "say better")
            await chat.withdraw(fourth.id)
            await chat.rename("Countess")
            await chat.send_now(third.id)
            replies = [await sent.reply() for sent in (first, third, second, fourth)]
            assert [reply.msg for reply in replies] == ["a", "c", "better", ""]
            assert [reply.turn for reply in replies] == [1, 2, 3, 4]
            await chat.feedback(replies[1].id, Feedback.UP)
            with pytest.raises(NotWaiting):
                await chat.edit(second.id, "say too late")
            while not any(message.feedback for message in other.transcript.messages):
                await asyncio.sleep(0.01)
            assert other.transcript == chat.transcript
            assert {chat.transcript.messages[n].id for n in range(8)} == {m.id for m in await chat.history()}
            assert other.session.name == "Countess"
            assert "better" in await chat.export()
            await chat.delete()
            with pytest.raises(SessionGone):
                async for _ in other.events():
                    pass


async def test_a_session_that_is_gone_is_gone_for_everyone(
    start: Start, free_port: Callable[[], int], backend: Backend
) -> None:
    _, url = serve(start, free_port())
    async with Client(url) as client:
        chat = await client.create("Ada")
        keys = backend.keys.session(chat.session.id)
        await backend.redis.router.command(keys.tag, "DEL", *keys.owned)
        feed = chat.events()
        sent = await chat.send("say anything")
        with pytest.raises(SessionGone):
            await sent.reply()
        with pytest.raises(SessionGone):
            async for _ in feed:
                pass
        with pytest.raises(NotAuthenticated):
            await client.attach(chat.token)
