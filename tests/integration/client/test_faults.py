"""The client against a server that dies at every point."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.client.memory import READY, MemoryServer, busy
from tests.integration.client.watching import drain, joined, logged, seen, text_of
from unbroken.client import Client, Delta
from unbroken.errors import (
    Closed,
    MessageRefused,
    SessionFull,
)
from unbroken.protocol import (
    Command,
    Error,
    Event,
    MessageSend,
    ReplyCancel,
    ReplyCompleted,
    Snapshot,
)
from unbroken.types import Status


async def test_a_message_is_accepted_streamed_and_answered(client: Client, server: MemoryServer) -> None:
    chat = await client.attach("secret")
    assert chat.session == READY.session
    assert chat.connected
    sent = await chat.send("hello")
    assert (await sent.accepted()).msg == "hello"
    pieces = [piece async for piece in sent]
    assert "".join(pieces) == joined("hello")
    assert len(pieces) > 1 or pieces == [joined("hello")]
    reply = await sent.reply()
    assert (reply.msg, reply.status, reply.reply_to) == (joined("hello"), Status.COMPLETED, sent.id)
    assert chat.transcript.messages == tuple(server.session.messages)
    assert chat.unanswered == []
    assert set(server.tokens) == {"Bearer secret"}


# a turn of two messages is 2 frames of greeting and 2 * 7 of log
@pytest.mark.parametrize("cut", range(17))
async def test_a_connection_cut_at_any_frame_loses_and_repeats_nothing(
    client: Client, server: MemoryServer, cut: int
) -> None:
    server.cuts = [100, cut]
    chat = await client.attach("t")
    server.sockets[0].transport.abort()
    watching = asyncio.create_task(seen(chat, 2))
    first, second = await chat.send("one", "a"), await chat.send("two", "b")
    assert (await first.reply()).msg == joined("one")
    assert text_of([piece async for piece in second]) == joined("two")
    assert logged(await watching) == server.session.log
    assert [m.id for m in chat.transcript.messages] == ["a", "a.reply", "b", "b.reply"]
    assert server.session.started == ["a", "b"]


async def test_a_connection_cut_after_every_frame_still_gets_through(
    client: Client, server: MemoryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    server.cuts = [2] * 10
    chat = await client.attach("t")
    clock = asyncio.get_running_loop().time
    began = clock()
    watching = asyncio.create_task(seen(chat, 1))
    sent = await chat.send("one", "a")
    await sent.reply()
    assert logged(await watching) == server.session.log
    assert clock() - began < 3, "every event is progress, after which the first try is fast again"


@pytest.mark.parametrize("overlap", [1, 3, 100])
async def test_events_that_come_again_are_not_shown_again(client: Client, server: MemoryServer, overlap: int) -> None:
    server.overlap = overlap
    server.cuts = [5, 6, 8]
    chat = await client.attach("t")
    watching = asyncio.create_task(seen(chat, 2))
    await chat.send("one", "a")
    await chat.send("two", "b")
    assert logged(await watching) == server.session.log


async def test_a_lost_message_goes_again_in_order_and_under_its_id(client: Client, server: MemoryServer) -> None:
    chat = await client.attach("t")
    swallowed: list[Command] = []

    def swallow(command: Command) -> Event | None:
        if len(swallowed) < 2:
            swallowed.append(command)
            server.sockets[-1].transport.abort()
            return Error("bad_request", "this goes nowhere")
        return None

    server.on_command = swallow
    for message_id in "abc":
        await chat.send(f"text {message_id}", message_id)
    assert len(chat.unanswered) == 3
    async with asyncio.timeout(10):  # much sooner than the client would ask itself whether the first one arrived
        for sent in chat.unanswered:
            await sent.reply()
    assert server.session.started == ["a", "b", "c"]
    assert [[command.id for command in connection] for connection in server.received[:2]] == [["a"], ["a"]]  # type: ignore[union-attr]


async def test_an_accepted_message_goes_again_after_a_reconnect_until_it_is_answered(
    client: Client, server: MemoryServer
) -> None:
    server.session.hold.clear()
    chat = await client.attach("t")
    first, second = await chat.send("one", "a"), await chat.send("two", "b")
    await second.accepted()
    server.sockets[0].transport.abort()
    while len(server.received) < 2 or len(server.received[1]) < 2:
        await asyncio.sleep(0.01)
    assert server.received[1] == [MessageSend("a", "one"), MessageSend("b", "two")]
    server.session.hold.set()
    await second.reply()
    assert (await first.reply()).msg == joined("one")
    assert server.session.started == ["a", "b"]
    server.sockets[-1].transport.abort()
    third = await chat.send("three", "c")
    await third.reply()
    assert server.received[2] == [MessageSend("c", "three")]


async def test_a_snapshot_in_the_middle_of_a_reply_restarts_it_explicitly(client: Client, server: MemoryServer) -> None:
    server.session.hold.clear()
    chat = await client.attach("t")
    feed = chat.events()
    sent = await chat.send("one", "a")
    pieces: list[Delta] = []

    async def read() -> None:
        async for piece in sent:
            pieces.append(piece)  # noqa: PERF401 - the list is looked at meanwhile

    reading = asyncio.create_task(read())
    while "".join(pieces) != "You said":
        await asyncio.sleep(0.01)
    server.snapshots = True
    server.sockets[0].transport.abort()
    while len(server.connections) < 2:
        await asyncio.sleep(0.01)
    server.session.hold.set()
    await reading
    assert text_of(pieces) == joined("one")
    kinds = []
    async for event in feed:
        kinds.append(type(event).__name__)
        if isinstance(event, ReplyCompleted):
            break
    assert kinds.count("Snapshot") == 2
    again = kinds.index("Snapshot", 1)
    assert kinds[again : again + 3] == ["Snapshot", "MessageAccepted", "ReplyStarted"]


async def test_busy_waits_as_told_and_keeps_the_order(client: Client, server: MemoryServer) -> None:
    refusals: list[float] = []

    def verdict(command: Command) -> Event | None:
        if isinstance(command, MessageSend) and command.id == "a" and len(refusals) < 2:
            refusals.append(asyncio.get_running_loop().time())
            return busy("a", 0.3)
        return None

    server.on_command = verdict
    chat = await client.attach("t")
    for message_id in "abc":
        await chat.send("x", message_id)
    for sent in chat.unanswered:
        await sent.reply()
    assert server.session.started == ["a", "b", "c"]
    assert refusals[1] - refusals[0] >= 0.3


async def test_a_final_refusal_reaches_its_sender_and_nobody_else(client: Client, server: MemoryServer) -> None:
    server.on_command = lambda command: (
        Error("session_full", "no more", message_id="a") if getattr(command, "id", "") == "a" else None
    )
    chat = await client.attach("t")
    refused, fine = await chat.send("x", "a"), await chat.send("y", "b")
    for wait in (refused.accepted(), refused.reply(), anext(aiter(refused))):
        with pytest.raises(SessionFull, match="no more"):
            await wait
    assert (await fine.reply()).msg == joined("y")


async def test_cancel_stops_a_running_reply_also_across_a_reconnect(client: Client, server: MemoryServer) -> None:
    server.session.hold.clear()
    lost: list[Command] = []

    def verdict(command: Command) -> Event | None:
        if isinstance(command, ReplyCancel) and not lost:
            lost.append(command)
            server.sockets[-1].transport.abort()
            return READY  # goes nowhere
        return None

    server.on_command = verdict
    chat = await client.attach("t")
    sent = await chat.send("one", "a")
    pieces = aiter(sent)
    assert await anext(pieces)
    await chat.cancel("a")
    while "a" not in server.session.cancelled:
        await asyncio.sleep(0.01)
    server.session.hold.set()
    reply = await sent.reply()
    assert (reply.status, reply.msg) == (Status.CANCELLED, "You said")
    assert lost


async def test_a_feed_begins_with_what_is_known_and_goes_on(client: Client, server: MemoryServer) -> None:
    server.session.hold.clear()
    chat = await client.attach("t")
    sent = await chat.send("one", "a")
    pieces = aiter(sent)
    while chat.transcript.running is None or chat.transcript.running.text != "You said":
        await anext(pieces)
    feed = chat.events()
    server.session.hold.set()
    kinds = []
    async for event in feed:
        kinds.append(type(event).__name__)
        if isinstance(event, ReplyCompleted):
            break
    assert kinds == ["Snapshot", "ReplyStarted", "ReplyDelta", "ReplyDelta", "ReplyCompleted"]


async def test_a_reader_that_sleeps_gets_a_snapshot(
    client: Client, server: MemoryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unbroken.client.feed.BACKLOG", 5)
    chat = await client.attach("t")
    feed = chat.events()
    for number in range(3):
        await (await chat.send(str(number), f"m{number}")).reply()
    first = await anext(feed)
    assert isinstance(first, Snapshot)
    assert [m.id for m in first.messages][:2] == ["m0", "m0.reply"]
    rest = []
    while len(feed._waiting):
        rest.append(await anext(feed))
    assert len(rest) < 6


async def test_sending_the_same_id_twice_is_sending_once(client: Client, server: MemoryServer) -> None:
    chat = await client.attach("t")
    first = await chat.send("one", "a")
    assert await chat.send("one", "a") is first
    reply = await first.reply()
    assert await (await chat.send("one", "a")).reply() == reply
    assert server.session.started == ["a"]


async def test_what_cannot_be_sent_is_refused_here(client: Client) -> None:
    chat = await client.attach("t")
    with pytest.raises(MessageRefused, match="1001 bytes; at most 1000"):
        await chat.send("x" * 1001)
    with pytest.raises(MessageRefused, match="surrogate"):
        await chat.send("\ud800")


async def test_close_leaves_nothing_behind(server: MemoryServer) -> None:
    server.session.hold.clear()
    async with Client(server.url) as client:
        chat = await client.attach("t")
        sent = await chat.send("one")
        await sent.accepted()
        feed = chat.events()
        waiting = asyncio.create_task(sent.reply())
        await asyncio.sleep(0)
    with pytest.raises(Closed):
        await waiting
    await drain(feed)
    with pytest.raises(Closed):
        await chat.send("two")
    while not server.sockets[0].close_code:
        await asyncio.sleep(0.01)
    assert server.sockets[0].close_code == 1000
    assert not [task for task in asyncio.all_tasks() if "unbroken" in repr(task.get_coro())]
