"""What it costs to read a model's stream: processor time for each token, of our reader and of others.

    python -m benchmarks.reader [--rounds 5] [--tokens 128]

A made-up provider, in a process of its own, streams tokens as OpenAI and vLLM do: every token is an event of about 230
bytes in an HTTP chunk of its own, at 50 tokens a second for each stream, and behind the last one comes the usage. The
readers take turns, each in a fresh process, and the median of the rounds counts. Its figure is the whole process, from
the requests to the last token.

- light: 50 streams, every token in a TCP segment of its own. The process sleeps between tokens, so its code has left
  the processor's caches when the next one comes, and the kernel's part is largest.
- even: 100 streams of the same kind, as for the target. They take the SDK a whole core, so that it does not sleep any
  more; the others do.
- busy: 200 streams of the same kind. This is what bounds how many replies one worker can run.
- grouped: 50 streams with eight tokens in a segment, as proxies and long ways gather them.

The readers are ours (`unbroken.models.openai`, from the request to the text that a worker gets), the `openai` SDK,
`aiohttp` alone, which hands over bytes that nobody reads, and `socket`, an asyncio protocol that only counts bytes:
what the event loop and the kernel take, whoever reads. The first two hand out every text and notice the usage. The SDK
is in the environment that `make bench` makes.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple, cast

import aiohttp
import uvloop

from unbroken.models.openai import OpenAI
from unbroken.turn import Turn
from unbroken.types import Message, Role

PACE = 0.02
"""Seconds between two tokens of one stream."""

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-bench" / "bin" / "python"
"""Has the SDK; all readers run there. `make bench` makes it."""

READERS = ("ours", "openai", "aiohttp", "socket")


class Load(NamedTuple):
    """How many streams there are at once, and how many tokens come in one segment."""

    name: str
    streams: int
    group: int


LOADS = (Load("light", 50, 1), Load("even", 100, 1), Load("busy", 200, 1), Load("grouped", 50, 8))

_EVENT = (
    b'data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini",'
    b'"system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,'
    b'"finish_reason":null}]}\n\n'
)
_LAST = (
    _EVENT.replace(b'"finish_reason":null', b'"finish_reason":"stop"').replace(b" token", b"")
    + b'data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini",'
    b'"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":128,"total_tokens":136}}\n\n'
    b"data: [DONE]\n\n"
)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"

Read = Callable[[], Awaitable[int]]
"""Reads one stream and returns how many tokens it had; 0 if its usage was missed."""


# The provider


class Provider(asyncio.Protocol):
    """Streams to everyone who sends a request; what it asks for does not matter."""

    phases = itertools.count()

    def __init__(self, tokens: int, group: int) -> None:
        self._tokens = tokens
        self._group = group

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Waits for a request."""
        self._transport = cast("asyncio.Transport", transport)
        self._task: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        """Answers once the body has begun, which is small enough to come in one piece."""
        if data.endswith(b"}") and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._stream())

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops streaming."""
        if self._task is not None:
            self._task.cancel()

    async def _stream(self) -> None:
        write, clock = self._transport.write, asyncio.get_running_loop().time
        write(_HEAD)
        due = clock() + next(self.phases) * 0.618 % 1 * PACE * self._group  # streams are not in step with each other
        for _ in range(self._tokens // self._group):
            await asyncio.sleep(due - clock())
            write(_chunk(_EVENT) * self._group)
            due += PACE * self._group
        write(_chunk(_LAST) + b"0\r\n\r\n")


def _chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


async def provide(tokens: int, group: int) -> None:
    """Runs the provider until its standard input ends; prints its port first."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Provider(tokens, group), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


# The readers


@asynccontextmanager
async def _ours(port: int) -> AsyncIterator[Read]:
    bot = OpenAI(f"http://127.0.0.1:{port}/v1", "m", continues="no")  # no need to ask the provider what it is
    await bot.start()
    turn = Turn("hi", messages=[Message(id="1", role=Role.USER, msg="hi", timestamp="", turn=1)])

    async def read() -> int:
        tokens, usage = 0, None
        async for piece in bot.reply(turn):
            if isinstance(piece, str):
                tokens += 1
            else:
                usage = piece
        return tokens if usage else 0

    yield read
    await bot.close()


@asynccontextmanager
async def _openai(port: int) -> AsyncIterator[Read]:
    client = importlib.import_module("openai").AsyncOpenAI(api_key="x", base_url=f"http://127.0.0.1:{port}/v1")

    async def read() -> int:
        stream = await client.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        tokens, usage = 0, None
        async for chunk in stream:
            if chunk.choices:
                tokens += bool(chunk.choices[0].delta.content)
            else:
                usage = chunk.usage
        return tokens if usage else 0

    yield read
    await client.close()


@asynccontextmanager
async def _aiohttp(port: int) -> AsyncIterator[Read]:
    http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def read() -> int:
        async with http.post(f"http://127.0.0.1:{port}/v1/chat/completions", data=b"{}") as response:
            total = 0
            while chunk := await response.content.readany():
                total += len(chunk)
            return (total - len(_LAST)) // len(_EVENT)

    yield read
    await http.close()


class _Counter(asyncio.Protocol):
    def __init__(self) -> None:
        self.bytes = 0
        self.over = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        if data.endswith(b"0\r\n\r\n"):
            self.over.set_result(None)


@asynccontextmanager
async def _socket(port: int) -> AsyncIterator[Read]:
    async def read() -> int:
        transport, counter = await asyncio.get_running_loop().create_connection(_Counter, "127.0.0.1", port)
        transport.write(_REQUEST)
        await counter.over
        transport.close()
        return counter.bytes // len(_chunk(_EVENT))

    yield read


async def measure(reader: str, port: int, streams: int, tokens: int) -> float:
    """Reads many streams at once; returns microseconds of this process' time for each token."""
    make = {"ours": _ours, "openai": _openai, "aiohttp": _aiohttp, "socket": _socket}[reader]
    async with make(port) as read:
        await asyncio.gather(*(read() for _ in range(2)))  # imports, pools and caches are warm
        before = time.process_time()
        counts = await asyncio.gather(*(read() for _ in range(streams)))
        spent = time.process_time() - before
    if not all(tokens <= count <= tokens + 2 for count in counts):
        raise SystemExit(f"{reader} lost tokens: {counts}")
    return spent / (streams * tokens) * 1e6


# The comparison


def compare(rounds: int, tokens: int) -> dict[tuple[str, Load], list[float]]:
    """Lets the readers take turns. Returns the microseconds of each round, by reader and load."""
    readers = READERS if PYTHON.exists() else [one for one in READERS if one != "openai"]
    found: dict[tuple[str, Load], list[float]] = {(one, load): [] for one in readers for load in LOADS}
    python = PYTHON if PYTHON.exists() else sys.executable
    command = [str(python), "-m", "benchmarks.reader", "--tokens", str(tokens)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    for _, load in itertools.product(range(rounds), LOADS):
        with subprocess.Popen(
            [*command, "--provide", str(load.group)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        ) as provider:
            assert provider.stdout is not None
            port = provider.stdout.readline().strip()
            for reader in readers:
                arguments = ["--measure", reader, port, str(load.streams)]
                answer = subprocess.run(
                    [*command, *arguments], check=True, stdout=subprocess.PIPE, text=True, env=environment
                )
                found[reader, load].append(float(answer.stdout))
    return found


def report(found: dict[tuple[str, Load], list[float]]) -> str:
    """A table in Markdown: the medians in microseconds for each token, and what they are of the SDK's."""
    heads = "".join(f" {load.name}: µs a token | ÷ SDK |" for load in LOADS)
    lines = [f"| reader |{heads}", "|---|" + "--:|--:|" * len(LOADS)]
    for reader in dict.fromkeys(reader for reader, _ in found):
        cells = []
        for load in LOADS:
            cost, sdk = median(found[reader, load]), found.get(("openai", load))
            cells += [f"{cost:.1f}", f"{cost / median(sdk):.3f}" if sdk else "-"]
        lines.append(f"| {reader} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Runs the comparison, or the part of it that this process is for."""
    parser = argparse.ArgumentParser(description="Processor time for each streamed token.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=128, help="for each stream; a multiple of 8")
    parser.add_argument("--provide", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.provide:
        uvloop.run(provide(given.tokens, given.provide))
    elif given.measure:
        reader, port, streams = given.measure
        print(uvloop.run(measure(reader, int(port), int(streams), given.tokens)), flush=True)
    else:
        print(report(compare(given.rounds, given.tokens)))


if __name__ == "__main__":
    main()
