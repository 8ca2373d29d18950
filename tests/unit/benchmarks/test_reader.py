"""What must hold of a reader before its processor time counts. The SDK lives in another environment."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks import reader

TOKENS = 8


async def measured(name: str, tokens: int) -> float:
    """Microseconds for each token of a provider that streams eight, if as many came as are expected."""
    server = await asyncio.get_running_loop().create_server(lambda: reader.Provider(TOKENS, 1), "127.0.0.1", 0)
    async with server, asyncio.timeout(30):
        return await reader.measure(name, server.sockets[0].getsockname()[1], 2, tokens)


@pytest.mark.parametrize("name", ["ours", "aiohttp", "socket"])
async def test_a_reader_gets_every_token(name: str) -> None:
    assert await measured(name, TOKENS) > 0


async def test_a_reader_that_gets_too_few_tokens_does_not_count() -> None:
    with pytest.raises(SystemExit, match="lost tokens"):
        await measured("ours", TOKENS + 1)


async def test_a_reader_that_misses_the_usage_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = b'{"object":"chat.completion.chunk","choices":[]}\n\ndata: [DONE]\n\n'
    monkeypatch.setattr(reader, "_LAST", b"data: " + silent)
    with pytest.raises(SystemExit, match="lost tokens"):
        await measured("ours", TOKENS)
