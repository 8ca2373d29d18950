"""How much memory a deployment needs: `python -m benchmarks.memory`.

Redis: `used_memory` before and after a number of sessions, with histories of several lengths, and what MEMORY USAGE
says of each key. Worker: resident memory before and while replies run. Prints Markdown, and the constants of
docs/how-to/production.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from unbroken.backend import Backend
from unbroken.claim import Outcome
from unbroken.config import Settings
from unbroken.embedded import Embedded
from unbroken.types import Status

HISTORIES = {0: 400, 10: 200, 100: 50, 1000: 10}
"""Messages of a session → how many such sessions are made."""
LENGTH = 200
REPLIES = (100, 1000)

_rng = random.Random(7)  # noqa: S311 - texts, not secrets


def text() -> str:
    """Another text each time: the JSON module keeps equal strings only once."""
    return "".join(_rng.choices("abcdefghijklmnopqrstuvwxyz      ", k=LENGTH - 2)) + "ok"


async def converse(backend: Backend, messages: int) -> str:
    """Makes a session with so many messages, questions and replies in turn; returns its id."""
    _, session = await backend.store.create("Ada Lovelace")
    for number in range(messages // 2):
        await backend.queue.accept(session.id, f"{_rng.getrandbits(128):032x}", text())
        entry = (await backend.store.state(session.id))["rid"]
        claim = await backend.queue.take(session.id, entry, f"{number}", attempts=3, continuing="", context=0)
        assert claim is not None
        await backend.queue.finish(claim, 1, Outcome(Status.COMPLETED, text()))
    return session.id


async def used(backend: Backend) -> int:
    """Bytes that Redis uses for everything."""
    raw: bytes = await backend.redis.router.command(backend.keys.tags[0], "INFO", "memory")
    return int(raw.decode().partition("used_memory:")[2].split()[0])


async def keys_of(backend: Backend, session: str) -> dict[str, int]:
    """Bytes of each key of a session."""
    keys = backend.keys.session(session)
    found = {}
    for name in ("doc", "state", "ids", "inbox", "log"):
        size = await backend.redis.router.command(keys.tag, "MEMORY", "USAGE", getattr(keys, name), "SAMPLES", "0")
        found[name] = int(size or 0)
    return found


async def redis(deployment: Settings) -> None:
    """Prints what sessions take in Redis."""
    backend = await Backend.open(deployment)
    costs: dict[int, float] = {}
    print("| messages | bytes a session | doc | state | ids | inbox | log |\n|---|---|---|---|---|---|---|")
    try:
        await asyncio.gather(*(converse(backend, 2) for _ in range(100)))  # makes what is there once
        for messages, count in HISTORIES.items():
            before = await used(backend)
            sessions = await asyncio.gather(*(converse(backend, messages) for _ in range(count)))
            costs[messages] = (await used(backend) - before) / count
            total: dict[str, int] = defaultdict(int)
            for session in sessions[:10]:
                for key, size in (await keys_of(backend, session)).items():
                    total[key] += size
            cells = [f"{size // min(10, count)}" for size in total.values()]
            print(f"| {messages} | {costs[messages]:.0f} | {' | '.join(cells)} |")
    finally:
        await backend.close()
    most = max(HISTORIES)
    each = (costs[most] - costs[10]) / (most - 10)
    print(f"\na session: {costs[10] - 10 * each:.0f} bytes + {each:.0f} bytes a message of {LENGTH} characters")


async def until(backend: Backend, sessions: list[str], condition: Callable[[dict[str, str]], bool]) -> None:
    """Waits until the state of all these sessions is like this."""
    end = time.monotonic() + 60
    for session in sessions:
        while not condition(await backend.store.state(session)):
            assert time.monotonic() < end
            await asyncio.sleep(0.05)


async def worker(deployment: Settings, replies: int) -> float:
    """KiB of a worker for each reply that it runs."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("UNBROKEN_", "REDIS_"))}
    env |= {"REDIS_URL": str(deployment.redis_url), "UNBROKEN_CONCURRENCY": str(replies + 16)}
    env["UNBROKEN_PREFIX"] = deployment.prefix
    command = [sys.executable, "-m", "unbroken", "worker", "unbroken.models.scripted:bot"]
    backend = await Backend.open(deployment)
    warm, *sessions = [await converse(backend, 20) for _ in range(replies + 1)]
    process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)  # noqa: ASYNC220 - a benchmark may wait
    try:
        await backend.queue.accept(warm, "warm", "say warm")
        await until(backend, [warm], lambda state: state["done"] == state["tail"])
        stats = psutil.Process(process.pid)
        before = stats.memory_info().rss
        await asyncio.gather(*(backend.queue.accept(session, "m", f"say {text()}; hang") for session in sessions))
        await until(backend, sessions, lambda state: "run" in state)
        await asyncio.sleep(1.0)  # what they say is in the log by then
        return (stats.memory_info().rss - before) / len(sessions) / 1024
    finally:
        process.kill()
        process.wait()
        await backend.close()


def settings(valkey: Embedded, prefix: str) -> Settings:
    """A deployment of its own."""
    values: dict[str, Any] = {"_env_file": None, "redis_url": valkey.address, "prefix": prefix}
    return Settings(**values)


def main() -> None:
    """Measures, on a Valkey of its own."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ub-"))
    try:
        with Embedded(folder) as valkey:
            asyncio.run(redis(settings(valkey, "redis")))
            for replies in REPLIES:
                each = asyncio.run(worker(settings(valkey, f"worker{replies}"), replies))
                print(f"a worker: {each:.0f} KiB for each of {replies} running replies")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
