"""The event loop of these tests: time passes on it, and stalls do not."""

from __future__ import annotations

import asyncio
import time

from tests.steady import SteadyLoop

STALL = 0.5


async def test_waiting_takes_as_long_as_it_says() -> None:
    clock, real = asyncio.get_running_loop().time, time.monotonic()
    began = clock()
    await asyncio.sleep(0.12)
    assert time.monotonic() - real >= 0.12
    assert 0.1199 <= clock() - began < 0.2


async def test_a_stall_is_not_counted_and_lets_no_timer_ring_early() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteadyLoop)
    began = loop.time()
    deadline = loop.call_later(STALL / 2, began.hex)
    time.sleep(STALL)
    await asyncio.sleep(0.01)
    assert loop.time() - began < STALL / 4
    assert loop.time() < deadline.when()
    deadline.cancel()


async def test_what_came_during_a_stall_is_read_before_a_timer_rings() -> None:
    """The other side of the pipe is another process to the loop: nothing of it is done in a turn."""
    first, second = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first.set()
        await reader.readexactly(1)
        second.set()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await first.wait()
        async with asyncio.timeout(STALL / 4):
            writer.write(b"x")
            time.sleep(STALL)
            await second.wait()
        writer.close()
        await writer.wait_closed()
