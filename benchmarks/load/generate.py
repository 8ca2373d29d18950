"""The load generator's process: reads one specification, runs it, writes what came of it.

`python -m benchmarks.load.generate`, with a JSON `Spec` on its standard input and the answer on its standard output.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import msgspec
import psutil
import uvloop

from benchmarks.load import usage
from benchmarks.load.dialects import OPENERS
from benchmarks.load.resume import resume
from benchmarks.load.session import Script, Session
from benchmarks.load.spec import Idle, Resumed, Spec, Talk
from benchmarks.load.tally import Tally, percentile
from benchmarks.load.trouble import Trouble

AT_ONCE = 64
"""Handshakes under way."""
PATIENCE = 30.0
"""Seconds that a handshake, or the last reply of a session, may take."""
IDLE_PATIENCE = 30.0
"""Seconds to open sessions that only sit there; what is open by then is what is looked at."""
SETTLE = 1.0
"""Seconds before memory is looked at."""

Run = Callable[[Spec], Coroutine[Any, Any, Talk | Idle | Resumed]]


async def talk(spec: Spec) -> Talk:
    """All sessions ask, over and over; counts in a window in the middle."""
    idle = asyncio.Semaphore(0)
    script = Script(spec.chunks, spec.interval, spec.think, Tally(), idle.release)
    sessions = await connect(spec, script, spec.sessions, PATIENCE)
    if len(sessions) < spec.sessions:
        raise Trouble(f"only {len(sessions)} sessions could connect")
    # Garbage collection of thousands of sessions would be seen as delay.
    gc.collect()
    gc.freeze()
    loop = asyncio.get_running_loop()
    # Paced replies are spread over the length of one; nobody's users all press Enter in the same instant.
    spread = spec.chunks * spec.interval
    for number, session in enumerate(sessions):
        loop.call_later(spread * number / len(sessions), session.ask)
    await guarded(script, asyncio.sleep(spread + spec.warmup))
    script.tally = tally = Tally()
    before, own_before, start = usage.cpu(spec.processes), usage.own_cpu(), time.monotonic()
    await guarded(script, asyncio.sleep(spec.seconds))
    script.tally = Tally()
    seconds, own_after, after = time.monotonic() - start, usage.own_cpu(), usage.cpu(spec.processes)
    script.stopping = True
    await guarded(script, asyncio.wait_for(_all(idle, len(sessions)), PATIENCE))
    for session in sessions:
        session.close()
    return Talk(
        sessions=len(sessions),
        seconds=seconds,
        chunks=tally.chunks,
        frames=tally.frames,
        replies=tally.replies,
        delay_p50=percentile(tally.delays, 0.5),
        delay_p99=percentile(tally.delays, 0.99),
        start_p50=percentile(tally.starts, 0.5),
        start_p99=percentile(tally.starts, 0.99),
        cpu=usage.spent(before, after),
        load_cpu=own_after - own_before,
    )


async def rest(spec: Spec) -> Idle:
    """Sessions connect and say nothing; looks at memory at each step, as far as it gets in time."""
    script = Script(0, 0.0, 0.0, Tally(), lambda: None)
    # What the first connections load and allocate is no cost of a session.
    sessions = await connect(spec, script, 20, PATIENCE)
    await asyncio.sleep(SETTLE)
    before, first = usage.memory(spec.processes), len(sessions)
    at: dict[int, dict[str, int]] = {}
    end = time.monotonic() + IDLE_PATIENCE
    for step in spec.steps:
        sessions += await connect(spec, script, step - len(sessions) + first, end - time.monotonic())
        await asyncio.sleep(SETTLE)
        at[len(sessions) - first] = usage.memory(spec.processes)
        if len(sessions) - first < step:
            break
    return Idle(before, at)


async def connect(spec: Spec, script: Script, count: int, patience: float) -> list[Session]:
    """Opens sessions until there are enough or the time is over.

    Raises:
        Trouble: one was refused.
    """
    loop = asyncio.get_running_loop()
    opener = OPENERS[spec.dialect]
    sessions: list[Session] = []
    numbers = iter(range(count))

    async def some(http: aiohttp.ClientSession) -> None:
        for number in numbers:
            host, _, port = (name := spec.hosts[number % len(spec.hosts)]).partition(":")
            session = await opener(script, http, name)
            await loop.create_connection(lambda it=session: it, host, int(port))  # type: ignore[misc]
            await guarded(script, asyncio.wait_for(session.ready, PATIENCE))
            sessions.append(session)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as http:
        tasks = [asyncio.create_task(some(http)) for _ in range(AT_ONCE)]
        _, pending = await asyncio.wait(tasks, timeout=max(0.0, patience), return_when=asyncio.FIRST_EXCEPTION)
        for task in pending:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return sessions


async def guarded(script: Script, work: Coroutine[Any, Any, object]) -> None:
    """Waits for the work.

    Raises:
        Trouble: a session was lost meanwhile, or it took too long.
    """
    task: asyncio.Future[Any] = asyncio.create_task(work)
    either: list[asyncio.Future[Any]] = [task, script.failed]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if script.failed.done():
        task.cancel()
        raise Trouble(script.failed.result())
    try:
        await task
    except TimeoutError:
        raise Trouble("it did not answer in time") from None


async def _all(idle: asyncio.Semaphore, count: int) -> None:
    for _ in range(count):
        await idle.acquire()


def main() -> None:
    """Runs what standard input asks for. Exit code 1: with one line of why not on standard error."""
    spec = msgspec.json.decode(sys.stdin.buffer.read(), type=Spec)
    runs: dict[str, Run] = {"talk": talk, "idle": rest, "resume": resume}
    try:
        sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(runs[spec.kind](spec))))
    except (Trouble, OSError, aiohttp.ClientError, psutil.NoSuchProcess) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
