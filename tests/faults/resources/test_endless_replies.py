"""Bots that never end, never begin, or say far too much: one outcome each, and a worker that stays small."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.faults.record import record
from tests.faults.resources.bots import GIGABYTE, TINY
from tests.faults.resources.contents import contents
from tests.faults.resources.deployment import MIB, Deploy, client
from tests.faults.resources.peak import Peak
from tests.integration.server.site import Reader

LIMIT = MIB
ENTRIES = 12_000
"""Of the log of one reply: past five thousand, pieces are gathered."""


async def outcome(reader: Reader, text: str, timeout: float = 60.0) -> dict[str, object]:
    """Asks, and returns the reply that was committed: the only one."""
    number = len(reader.messages)
    await reader.send(f"m{number}", text)
    while len(reader.messages) < number + 2:
        await reader.event(timeout)
    reply = reader.messages[-1]
    assert reply["reply_to"] == f"m{number}"
    return reply


@pytest.mark.parametrize(
    ("text", "own"),
    # a gigabyte in UTF-8 is half of that in the bot's own memory
    [("forever", 0), ("gigabyte é", GIGABYTE // 2)],
    ids=["forever", "gigabyte"],
)
async def test_too_much_is_cut_off_and_fails_once(deploy: Deploy, text: str, own: int) -> None:
    deployment = deploy(reply_bytes=LIMIT)
    server, worker = deployment.both()
    async with client(server) as site:
        token, session = await site.session()
        async with site.native(token, max_size=None) as reader, Peak(worker.stats) as peak:
            reply = await outcome(reader, text)
            assert reply["status"] == "failed"
            assert reply["error"]["code"] == "reply_too_long"  # type: ignore[index]
            assert LIMIT - 100 < len(str(reply["msg"])) <= LIMIT if not own else reply["msg"] == ""
            assert (await outcome(reader, "say next"))["msg"] == "next"
        print(f"worker +{peak.grown / MIB:.0f} MiB, of which the bot's own {own / MIB:.0f}")
        assert peak.grown - own < 32 * LIMIT
        with deployment.commands() as redis:
            (letter,) = [
                entry for key, value in contents(redis).items() if key.endswith(b":dead") for _, entry in value
            ]
        assert letter[b"s"] == session.encode()
        assert b"the reply has more than" in letter[b"e"]
    record("reply without end", text, checked="AG", violations={"A": 0})


async def test_a_million_pieces_make_a_log_of_thousands(deploy: Deploy) -> None:
    deployment = deploy(reply_bytes=2 * TINY)
    server, worker = deployment.both()
    async with client(server) as site:
        token, _ = await site.session()
        async with site.native(token, max_size=None) as reader, Peak(worker.stats) as peak:
            assert (await outcome(reader, "tiny"))["msg"] == "." * TINY
        deltas = [event for event in reader.events if event["type"] == "reply.delta"]
        print(f"worker +{peak.grown / MIB:.0f} MiB, {len(deltas)} entries")
        assert peak.grown < 64 * MIB
        assert len(deltas) < ENTRIES
    record("reply of a million pieces", "as fast as they go", checked="ACDG", violations={"D": 0})


async def test_a_bot_that_hangs_is_stopped_by_its_time_or_by_its_user(deploy: Deploy) -> None:
    deployment = deploy()
    server, hasty = deployment.server(), deployment.worker(reply_timeout=2.0)
    async with client(server) as site:
        token, _ = await site.session()
        async with site.native(token) as reader:
            reply = await outcome(reader, "say so far; hang")
            assert (reply["status"], reply["msg"]) == ("failed", "so far")
            assert reply["error"]["code"] == "reply_timeout"  # type: ignore[index]
            assert reply["error"]["message"] == "The reply took too long and was stopped."  # type: ignore[index]
            hasty.until("the reply took more than 2 s")
            hasty.signal(signal.SIGTERM)
            assert await asyncio.to_thread(hasty.wait) == 0
            deployment.worker()
            await reader.send("b", "hang")
            await reader.until("reply.started")
            await reader.command("reply.cancel", message_id="b")
            assert (await reader.until("reply.cancelled"))["message"]["msg"] == ""
            assert (await outcome(reader, "say next"))["msg"] == "next"
    record("bot that hangs", "for ever", injections=2, checked="AB", violations={"A": 0})
