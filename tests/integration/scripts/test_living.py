"""How long sessions live: all their keys together, and longer with everything that happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.integration.scripts.desk import Desk
from tests.integration.scripts.test_taking import delta
from unbroken.scripts import Code

SOON = 100_000
"""Milliseconds that a session still has, before a call renews them."""


async def begin(desk: Desk) -> None:
    """One message is answered, one is being answered, one waits."""
    await desk.answer("m0")
    await desk.accept("m1")
    await desk.accept("m2")
    await desk.take("n1")


async def age(desk: Desk) -> None:
    """Brings the end of the session near."""
    for key in desk.keys.owned:
        await desk.redis("PEXPIRE", key, SOON)


async def remaining(desk: Desk) -> set[int]:
    """What is left to the keys, in hours."""
    left = [await desk.redis("PTTL", key) for key in desk.keys.owned]
    return {round(ms / 3_600_000) for ms in left if ms != -2}


async def _take(desk: Desk) -> object:
    return await desk.take("another")


async def _finish(desk: Desk) -> object:
    return await desk.finish((await desk.take("another")).epoch)


async def _renew(desk: Desk) -> object:
    return await desk.renew((await desk.take("another")).epoch)


async def _release(desk: Desk) -> object:
    return await desk.release((await desk.take("another")).epoch)


CALLS: dict[str, Callable[[Desk], Awaitable[object]]] = {
    "accept": lambda desk: desk.accept("m3"),
    "take": _take,
    "finish": _finish,
    "renew": _renew,
    "release": _release,
    "cancel": lambda desk: desk.cancel("m1"),
    "touch": lambda desk: desk.touch(),
    "edit": lambda desk: desk.scripts.edit(desk.keys, "s", "m2", "another text"),
    "withdraw": lambda desk: desk.scripts.withdraw(desk.keys, "s", "m2"),
    "send_now": lambda desk: desk.scripts.send_now(desk.keys, "s", "m2"),
    "feedback": lambda desk: desk.scripts.feedback(desk.keys, "s", "m0", "up"),
    "rename": lambda desk: desk.scripts.rename(desk.keys, "s", "Bob"),
}


@pytest.mark.parametrize("name", CALLS)
async def test_every_script_renews_all_keys_alike(desk: Desk, name: str) -> None:
    await begin(desk)
    await age(desk)
    await CALLS[name](desk)
    assert len(await desk.ends()) == 1
    assert await remaining(desk) == {1}


@pytest.mark.parametrize("name", CALLS)
async def test_without_a_time_to_live_keys_stay(desk: Desk, name: str) -> None:
    await begin(desk)
    desk.keep(0)
    await CALLS[name](desk)
    assert await desk.ends() == {-1}


async def test_chunks_and_reads_do_not_keep_a_session_alive(desk: Desk) -> None:
    await desk.accept("m1")
    taken = await desk.take("n1")
    await age(desk)
    await desk.chunk(delta(taken.epoch, 1, "hi"))
    await desk.resume(None)
    await desk.accept("m1")
    assert await remaining(desk) == {0}


async def test_an_expired_session_leaves_nothing(desk: Desk) -> None:
    desk.keep(1)
    await desk.accept("m1")
    await desk.read()
    await desk.accept("m2")
    taken = await desk.take("n1")
    entry = await desk.entry()
    await desk.chunk(delta(taken.epoch, 1, "hi"))
    for key in desk.keys.owned:
        assert 0 < await desk.redis("PTTL", key) <= 1000
    while await desk.redis("EXISTS", desk.keys.doc):
        await asyncio.sleep(0.02)
    assert await desk.redis("EXISTS", *desk.keys.owned) == 0
    assert (await desk.take("n2", entry=entry)).code is Code.GONE
    assert (await desk.ready(), await desk.pending()) == ([], [])


@pytest.mark.parametrize("key", ["doc", "state"])
async def test_a_session_that_lost_a_key_is_gone(desk: Desk, key: str) -> None:
    await begin(desk)
    await desk.read()
    taken, entry = await desk.take("n2"), await desk.entry()
    await desk.redis("DEL", getattr(desk.keys, key))
    facts = await desk.facts()
    for name in CALLS.keys() - {"take", "finish", "renew", "release"}:
        assert getattr(found := await CALLS[name](desk), "code", found) is Code.GONE
    assert (await desk.renew(taken.epoch)).code is Code.LOST
    assert await desk.release(taken.epoch) is Code.LOST
    assert await desk.facts() == facts
    assert (await desk.finish(taken.epoch, entry=entry)).code is Code.GONE
    assert (await desk.take("n3", entry=entry)).code is Code.GONE
    assert (await desk.ready(), await desk.pending()) == ([], [])


async def test_a_log_that_begins_with_a_cancelled_reply_ends_with_its_session(desk: Desk) -> None:
    """Nothing was ever started: the take that found nothing to do made the log."""
    await desk.accept("m1")
    await desk.cancel("m1")
    assert (await desk.take("n1")).code is Code.EMPTY
    ends = await desk.ends()
    assert len(ends) == 1
    assert -1 not in ends
