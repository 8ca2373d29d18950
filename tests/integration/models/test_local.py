"""A local model: the real runtime with a model of noise, in a real worker."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import psutil
import pytest

pytest.importorskip("huggingface_hub", reason="the extra `local` is not installed")

from tests.integration.models import tiny_gguf
from tests.integration.worker.harness import Talk, until, working
from unbroken.backend import Backend
from unbroken.config import Settings
from unbroken.errors import ConfigurationError
from unbroken.models.local.bot import Local, prepare
from unbroken.models.local.file import ModelFile, read
from unbroken.turn import Turn
from unbroken.types import Data, Piece, Status

pytestmark = pytest.mark.settings(partitions=2)

ALPHABET = "abcdefghijklmnopqrstuvwxyz" * 100
Run: TypeAlias = Callable[..., AbstractAsyncContextManager[Local]]


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """A model that recites the alphabet."""
    path = tmp_path_factory.mktemp("local") / "noise.gguf"
    tiny_gguf.write(path, alphabet=True)
    return prepare(Settings(_env_file=None, model=f"local:{path}"), print)  # type: ignore[call-arg]


def make(file: ModelFile, **overrides: Any) -> Local:
    return Local(file, Settings(_env_file=None, **{"max_tokens": 1000, **overrides}))  # type: ignore[call-arg]


@pytest.fixture
def run(file: ModelFile) -> Run:
    @asynccontextmanager
    async def running(**overrides: Any) -> AsyncIterator[Local]:
        bot = make(file, **overrides)
        await bot.start()
        try:
            yield bot
        finally:
            await bot.close()

    return running


async def busy(bot: Local) -> int:
    """How many replies the model is at."""
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {bot._runtime.key}"}) as http,
        http.get(bot._runtime.url.removesuffix("/v1") + "/slots") as response,
    ):
        return sum(slot["is_processing"] for slot in await response.json())


async def idle(bot: Local) -> None:
    async with asyncio.timeout(20):
        while await busy(bot):
            await asyncio.sleep(0.01)


def text(pieces: list[Piece]) -> str:
    return "".join(piece for piece in pieces if isinstance(piece, str))


async def answer(bot: Local, turn: Turn | None = None) -> str:
    return text([piece async for piece in bot.reply(turn or Turn("Is the sea wide?"))])


async def test_a_worker_goes_on_where_another_stopped(backend: Backend, file: ModelFile) -> None:
    talk = await Talk.begin(backend)
    async with working(backend, make(file)):
        await talk.send("Is the sea wide?")
        async with asyncio.timeout(20):
            while not (await talk.shown())[0]:
                await asyncio.sleep(0.005)
    shown = (await talk.shown())[0]
    async with working(backend, make(file)):
        reply = await talk.outcome("m1")
    assert reply.status is Status.COMPLETED
    assert len(reply.msg) > len(shown) > 0
    assert ALPHABET.startswith(reply.msg)
    assert isinstance((reply.parts or [])[-1], Data)


async def test_a_reply_that_is_stopped_leaves_the_model_idle(backend: Backend, file: ModelFile) -> None:
    talk = await Talk.begin(backend)
    bot = make(file, max_tokens=None)
    async with working(backend, bot):
        await talk.send("Is the sea wide?")
        async with asyncio.timeout(20):
            while not (await talk.shown())[0]:
                await asyncio.sleep(0.005)
        await backend.queue.cancel(talk.session, "m1")
        assert (await talk.outcome("m1")).status is Status.CANCELLED
        await idle(bot)


async def test_replies_run_side_by_side_and_others_wait_for_their_turn(run: Run) -> None:
    async with run() as bot:
        replies = [bot.reply(Turn(f"Number {number}?")) for number in range(5)]
        first = await asyncio.gather(*(anext(reply) for reply in replies[:4]))
        assert all(first)
        late = asyncio.create_task(anext(replies[4]))
        assert await busy(bot) > 1
        await idle(bot)
        assert not late.done()  # nobody has read the others to their ends yet
        await replies[0].aclose()
        assert await asyncio.wait_for(late, 20)
        for reply in replies:
            await reply.aclose()
        await idle(bot)


async def test_bots_with_the_same_model_share_its_process(run: Run) -> None:
    async with run() as one:
        pid = one._runtime.pid
        assert pid is not None
        async with run(temperature=0) as other:
            assert other._runtime.pid == pid
        assert psutil.pid_exists(pid)
        async with run(max_tokens=100, context_tokens=500) as third:
            assert third._runtime.pid != pid
            assert third._runtime.context == 600
    assert not psutil.pid_exists(pid)


async def test_a_process_that_dies_is_started_again_and_its_replies_go_on(run: Run) -> None:
    async with run() as bot:

        def kill() -> None:
            assert bot._runtime.pid is not None
            os.kill(bot._runtime.pid, signal.SIGKILL)

        pieces: list[Piece] = []
        async for piece in bot.reply(Turn("Is the sea wide?")):
            if not pieces:
                kill()
            pieces.append(piece)
        assert len(text(pieces)) > 500
        assert ALPHABET.startswith(text(pieces))
        kill()
        assert len(await answer(bot)) > 500


async def test_what_is_said_to_it_never_goes_through_a_proxy(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with run(max_tokens=5) as bot:
        assert await answer(bot)


async def test_a_model_that_does_not_load_says_why(tmp_path: Path, file: ModelFile) -> None:
    def damage(content: bytes) -> ModelFile:
        broken = tmp_path / "broken.gguf"
        broken.write_bytes(content)
        return read(broken)

    content = await asyncio.to_thread(file.path.read_bytes)
    cut = await asyncio.to_thread(damage, content[:-1000])
    with pytest.raises(ConfigurationError, match=r"broken.gguf: llama.cpp cannot load it: .* corrupted or incomplete"):
        await make(cut).start()
    strange = await asyncio.to_thread(damage, content.replace(b"llama", b"lxama"))
    with pytest.raises(ConfigurationError, match=r"cannot load it: unknown model architecture: 'lxama'"):
        await make(strange).start()


async def test_a_load_that_is_killed_is_no_riddle(file: ModelFile) -> None:
    bot = make(file)
    start = asyncio.create_task(bot.start())
    await until(lambda: bot._runtime.pid)
    assert bot._runtime.pid is not None
    os.kill(bot._runtime.pid, signal.SIGKILL)
    with pytest.raises(ConfigurationError, match=r"was killed by SIGKILL while it loaded the model; it was probably"):
        await start


_PARENT = """
import asyncio, sys
from pathlib import Path
from unbroken.models.local.file import read
from unbroken.models.local.runtime import Runtime

async def main():
    runtime = Runtime(read(Path(sys.argv[1])), 500, 1, squeeze=False)
    await runtime.start()
    print(runtime.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_it_dies_with_its_worker_also_by_kill_9(file: ModelFile) -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT, str(file.path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        model = psutil.Process(int(parent.stdout.readline()))
        assert re.search("local.server", " ".join(model.cmdline()))
        parent.kill()
    psutil.wait_procs([model], timeout=20)
    assert not model.is_running()
