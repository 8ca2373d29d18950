"""What must hold in Redis and in the processes: while everything breaks, and once all is quiet again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec
from redis.exceptions import RedisError

from tests.faults import ledger
from tests.faults.ledger import Ledger
from tests.faults.site import Site
from tests.faults.talk import Talk
from tests.faults.violations import Verdict
from unbroken.keys import GROUP
from unbroken.types import Message, Status

MEMORY = 250 << 20
"""Bytes that a server or a worker may take here; a fresh one has about 70 MiB."""
OVER = {b"rid", b"run", b"turn", b"att", b"mid", b"to", b"kept", b"step", b"mark"}
"""Fields of the state that an idle session does not have."""
SETTLE = 60.0
"""Seconds that the last writes of a reply may take after its readers have seen it."""

_document = msgspec.json.Decoder(list[list[Message]])


async def watch_queue(site: Site, talks: Sequence[Talk], verdict: Verdict, over: asyncio.Event) -> None:
    """E, again and again in one transaction each: at most one entry for a session, and one if it has work.

    Ends by itself, since the Redis client may lose a cancellation.
    """
    while not over.is_set():
        await asyncio.sleep(1.0)
        with contextlib.suppress(RedisError, OSError):
            async with site.direct() as redis:
                for talk in talks:
                    await _queue(redis, site, talk, verdict)


async def _queue(redis: Any, site: Site, talk: Talk, verdict: Verdict) -> None:
    keys = site.keys.session(talk.session)
    async with redis.pipeline(transaction=True) as both:
        both.xrange(keys.ready)
        both.xlen(keys.inbox)
        ready, waiting = await both.execute()
    mine = [entry for entry, fields in ready if fields[b"s"].decode() == talk.session]
    verdict.require(len(mine) <= 1, "E", talk.session, "ready entries:", mine)
    verdict.require(bool(mine) == bool(waiting), "E", talk.session, f"{waiting} messages wait, ready entries: {mine}")


async def check(site: Site, talks: Sequence[Talk], book: Ledger, verdict: Verdict) -> None:
    """Everything, once all replies have arrived."""
    redis: Any = site.direct()
    async with redis:
        for tag in site.keys.tags:
            await _idle(redis, site, tag, verdict)
        book.read(site.append_only_file)
        for talk in talks:
            keys = site.keys.session(talk.session)
            raw = await redis.execute_command("JSON.GET", keys.doc, "$.messages")
            history = _document.decode(raw)[0]
            served = await talk.chat.history()
            verdict.require(history == served, "D", talk.session, "a server serves", served, "not", history)
            talk.check(history)
            ledger.check(talk.session, book.books[talk.session], verdict)
            failed = sum(m.status is Status.FAILED for m in history)
            letters = book.dead[talk.session]
            verdict.require(len(letters) == failed, "A", talk.session, f"{failed} failed, dead letters {letters}")
            state = await redis.hgetall(keys.state)
            asked = b"asked:" + state.pop(b"open", b"")  # the last question may wait for ever
            state.pop(asked, None)
            left = {name for name in state if name in OVER or name.partition(b":")[0] in (b"c", b"x", b"asked")}
            verdict.require(not left, "E", talk.session, "the state still holds", left)
            verdict.require(await redis.xlen(keys.inbox) == 0, "E", talk.session, "messages wait")
            verdict.require(await redis.xlen(keys.log) <= 1, "G", talk.session, "the log was not trimmed")
    for slot in site.slots:
        slot.measure()
        verdict.require(slot.largest < MEMORY, "G", "-", f"{slot.name} takes {slot.largest >> 20} MiB")


async def _idle(redis: Any, site: Site, tag: str, verdict: Verdict) -> None:
    """No entry and nothing pending in a partition where nobody has work."""
    ready = site.keys.partition(tag).ready
    entries, pending = await _left(redis, ready)
    for _ in range(int(SETTLE * 10)):
        if not entries and not pending:
            return
        await asyncio.sleep(0.1)
        entries, pending = await _left(redis, ready)
    verdict.require(not entries, "E", "-", f"ready entries without work: {entries}")
    verdict.require(not pending, "E", "-", f"pending without an entry: {pending}")


async def _left(redis: Any, ready: str) -> tuple[Any, Any]:
    if not await redis.exists(ready):
        return [], 0
    entries = await redis.xrange(ready)
    try:
        pending = (await redis.xpending(ready, GROUP))["pending"]
    except RedisError as error:
        if "NOGROUP" not in str(error):
            raise
        pending = 0
    return entries, pending
