"""Workers that die, freeze, stop or block: what others take over, and what nobody sees twice."""

from __future__ import annotations

import asyncio
import re
import signal

import pytest

from tests.integration.worker.harness import Talk, until, working
from tests.integration.worker.process import WorkerProcess
from unbroken.backend import Backend
from unbroken.embedded import Embedded
from unbroken.log import Kind
from unbroken.models.scripted import Scripted
from unbroken.redis.ready import Ready
from unbroken.types import Status

pytestmark = pytest.mark.settings(partitions=2)

COUNTED = "".join(f"{number} " for number in range(1, 51))


async def test_a_killed_workers_reply_is_done_again(backend: Backend, valkey: Embedded, prefix: str) -> None:
    talk = await Talk.begin(backend)
    with WorkerProcess(valkey.address, prefix) as process:
        message_id = await talk.send("say a; sleep 2; say b")
        await talk.shows("a")
        process.signal(signal.SIGKILL)
        process.wait()
    bot = Scripted()
    async with working(backend, bot):
        reply = await talk.outcome(message_id)
    assert (reply.status, reply.msg) == (Status.COMPLETED, "ab")
    assert (bot.turns[0].attempt, bot.turns[0].partial) == (2, "")


@pytest.mark.settings(lease=15)
async def test_a_bot_that_continues_goes_on_behind_the_last_word(
    backend: Backend, valkey: Embedded, prefix: str
) -> None:
    talk = await Talk.begin(backend)
    with WorkerProcess(valkey.address, prefix, "unbroken.models.scripted:continuing", lease=15) as process:
        message_id = await talk.send("pace 0.02; count 50")
        await talk.shows("10 ")
        process.signal(signal.SIGKILL)
        process.wait()
    await talk.lapse()
    bot = Scripted(continues=True)
    async with working(backend, bot):
        reply = await talk.outcome(message_id)
    assert reply.msg == COUNTED
    assert bot.turns[0].partial.startswith("1 2 3 4 5 6 7 8 9 10 ")


@pytest.mark.settings(lease=6)
async def test_a_frozen_worker_loses_its_reply_and_writes_no_more(
    backend: Backend, valkey: Embedded, prefix: str
) -> None:
    talk = await Talk.begin(backend)
    bot = Scripted()
    with WorkerProcess(valkey.address, prefix, lease=6) as process:
        message_id = await talk.send("say a; wait door; say b; hang")  # the door of that process stays shut
        await talk.shows("a")
        process.signal(signal.SIGSTOP)
        await talk.lapse()
        async with working(backend, bot):
            await until(lambda: bot.waiting["door"] == 1)  # taken over
            process.signal(signal.SIGCONT)
            process.wait_for("another worker has taken over")
            bot.open("door")
            await talk.shows("ab")
            await backend.queue.cancel(talk.session, message_id)
            assert (await talk.outcome(message_id)).msg == "ab"
    assert bot.turns[0].attempt == 2


@pytest.mark.settings(lease=15)
async def test_a_worker_that_talks_when_it_thaws_is_fenced(backend: Backend, valkey: Embedded, prefix: str) -> None:
    talk = await Talk.begin(backend)
    bot = Scripted()
    with WorkerProcess(valkey.address, prefix, lease=15) as process:
        message_id = await talk.send("pace 0.01; count 10000")
        await talk.shows("10 ")
        process.signal(signal.SIGSTOP)
        await talk.lapse()
        async with working(backend, bot):
            await until(lambda: bot.turns)
            process.signal(signal.SIGCONT)
            process.wait_for("another worker has taken over")
            await backend.queue.cancel(talk.session, message_id)
            reply = await talk.outcome(message_id)
    words = reply.msg.split()
    assert words == [str(number) for number in range(1, len(words) + 1)]


@pytest.mark.settings(lease=15)
async def test_a_bot_that_kills_its_process_is_given_up(backend: Backend, valkey: Embedded, prefix: str) -> None:
    talk = await Talk.begin(backend)
    message_id = await talk.send("say Oh; sleep 0.05; exit")
    after = await talk.send("say next")
    for _ in range(3):
        with WorkerProcess(valkey.address, prefix, lease=15) as process:
            assert process.wait() == 70
        await talk.lapse()
    async with working(backend, Scripted()):
        reply = await talk.outcome(message_id)
        assert (await talk.outcome(after)).msg == "next"
    assert (reply.status, reply.msg) == (Status.FAILED, "Oh")
    assert reply.error is not None
    assert reply.error.code == "attempts_exhausted"
    (letter,) = await backend.queue.dead_letters()
    assert (letter.message_id, letter.attempts) == (message_id, 3)


@pytest.mark.settings(lease=15)
async def test_a_draining_worker_lets_replies_finish(backend: Backend, valkey: Embedded, prefix: str) -> None:
    talk = await Talk.begin(backend)
    with WorkerProcess(valkey.address, prefix, lease=15) as process:
        await talk.send("say a; sleep 0.5; say b")
        await talk.shows("a")
        later = await talk.send("say later")
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        assert (await talk.history())[-1].msg == "ab"
        assert "1 replies may finish" in process.log
    assert not await talk.idle()  # it claimed nothing more
    async with working(backend, Scripted()):
        assert (await talk.outcome(later)).msg == "later"


@pytest.mark.settings(lease=3600)
@pytest.mark.parametrize("continues", [True, False])
async def test_after_its_grace_a_worker_hands_back_and_another_goes_on_at_once(
    backend: Backend, valkey: Embedded, prefix: str, continues: bool
) -> None:
    talk = await Talk.begin(backend)
    name = "continuing" if continues else "bot"
    bot = Scripted(continues=continues)
    with WorkerProcess(
        valkey.address, prefix, f"unbroken.models.scripted:{name}", lease=3600, drain_grace=0.1
    ) as process:
        message_id = await talk.send("pace 0.02; count 50")
        await talk.shows("5 ")
        async with working(backend, bot):
            process.signal(signal.SIGTERM)
            await until(lambda: bot.turns)  # not after a lease
            assert process.wait() == 0
            reply = await talk.outcome(message_id)
    assert reply.msg == COUNTED
    turn = bot.turns[0]
    assert turn.attempt == 1  # what a deploy interrupts does not count
    assert turn.partial.startswith("1 2 3 4 5 ") is continues


@pytest.mark.settings(lease=3600)
async def test_a_second_signal_ends_the_grace(backend: Backend, valkey: Embedded, prefix: str) -> None:
    talk = await Talk.begin(backend)
    with WorkerProcess(valkey.address, prefix, lease=3600, drain_grace=3600) as process:
        await talk.send("say a; hang")
        await talk.shows("a")
        process.signal(signal.SIGTERM)
        process.wait_for("may finish")
        process.signal(signal.SIGINT)
        assert process.wait() == 0
    bot = Scripted()
    async with working(backend, bot):
        await until(lambda: bot.turns)


async def test_an_idle_worker_stops_at_once(backend: Backend, valkey: Embedded, prefix: str) -> None:
    command = backend.redis.router.command

    async def waiting() -> int:
        clients = (await command("0", "CLIENT", "LIST", "TYPE", "NORMAL")).decode()
        return len(re.findall(r" name=unbroken-ready .* flags=b", clients))

    async def woken() -> int:
        found = re.search(r"client\|unblock:calls=(\d+)", (await command("0", "INFO", "commandstats")).decode())
        return int(found[1]) if found else 0

    with WorkerProcess(valkey.address, prefix, lease=3600) as process:
        async with asyncio.timeout(20):
            while not await waiting():
                await asyncio.sleep(0.01)
        before = await woken()
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        assert process.log.count("\n") == 2
    assert await woken() == before + 1, "its read would wait for five seconds, and is woken"


async def test_a_bot_that_blocks_the_loop_is_named(backend: Backend, valkey: Embedded, prefix: str) -> None:
    talk = await Talk.begin(backend)
    with WorkerProcess(valkey.address, prefix, lease=15, block_warning=0.1) as process:
        reply = await talk.ask("block 2; say done")
        assert reply.msg == "done"
        assert "the event loop has been blocked" in process.log
        assert f"unbroken.models.scripted:bot, reply to {talk.session}" in process.log
        assert "time.sleep" in process.log


@pytest.mark.settings(lease=4.5)
async def test_a_long_reply_keeps_its_lease(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker looks for leases that ran out all the time, and finds none.

    The first one does not look: it would find its own, and that alone would keep the other from it.
    """
    talk = await Talk.begin(backend)
    bot, other = Scripted(), Scripted()
    reclaim = Ready.reclaim

    async def of_others(ready: Ready, min_idle: float, most: int) -> list[tuple[str, str]]:
        return [] if ready._consumer == keeper.consumer else await reclaim(ready, min_idle, most)

    async with working(backend, bot) as keeper:
        monkeypatch.setattr(Ready, "reclaim", of_others)
        message_id = await talk.send("wait door; say done")
        await until(lambda: bot.waiting["door"])
        async with working(backend, other):
            for _ in range(2):
                await talk.renewed()
            assert not other.turns
            bot.open("door")
            assert (await talk.outcome(message_id)).msg == "done"
    assert (len(bot.turns), len(other.turns)) == (1, 0)


async def test_a_worker_does_not_take_its_own_running_reply(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Renewals fail for a while: the worker sees its own entry idle, and leaves it alone."""
    bot = Scripted()
    talk = await Talk.begin(backend)
    renew = type(backend.queue).renew
    silent = True

    async def maybe(*args: object) -> bool:
        return False if silent else await renew(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(type(backend.queue), "renew", maybe)
    async with working(backend, bot):
        message_id = await talk.send("wait door; say done")
        await until(lambda: bot.waiting["door"])
        await asyncio.sleep(1.5 * 2)  # lease and a look for idle entries
        silent = False
        bot.open("door")
        reply = await talk.outcome(message_id)
    assert reply.msg == "done"
    assert len(bot.turns) == 1
    assert [entry.kind for entry in await talk.log()] == [Kind.END]
