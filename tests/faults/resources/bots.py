"""Bots that use up what a worker has. The process that runs them has this directory as its current one."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from itertools import repeat

from unbroken.models.scripted import Scripted
from unbroken.turn import Turn
from unbroken.types import Piece

PIECE = "".join(f"{number:>7} " for number in range(128))
"""A kilobyte."""

TINY = 1_000_000

GIGABYTE = 1 << 30


class Doors(Scripted):
    """Its `wait` waits until the file of that name is gone."""

    def _gate(self, name: str) -> asyncio.Event:
        return _Door(name)


class _Door(asyncio.Event):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    async def wait(self) -> bool:  # type: ignore[override]
        await _gone(self._path)
        return True


scripted = Doors()


async def bot(turn: Turn) -> AsyncIterator[Piece]:
    """Does what the first word of the message says; for any other word, what the script says."""
    word, _, rest = turn.text.partition(" ")
    match word:
        case "flood":  # so many kilobytes, as fast as they go; ends when the file is gone
            count, door = rest.split()
            for _ in range(int(count)):
                yield PIECE
                await asyncio.sleep(0)
            await _gone(door)
        case "forever" | "tiny":
            for text in repeat(".", TINY) if word == "tiny" else repeat("for ever and "):
                yield text
        case "gigabyte":
            yield rest * (GIGABYTE // len(rest.encode()))
        case "long" | "connect":
            if word == "connect":
                socket.socket().close()
            yield "ok"
        case "sockets":
            async for piece in _sockets(rest):
                yield piece
        case _:
            async for piece in scripted.reply(turn):
                yield piece


async def _sockets(door: str) -> AsyncIterator[Piece]:
    """Takes all descriptors that are left, says why there are no more, and keeps them while the file is there."""
    held = []
    try:
        while True:
            held.append(socket.socket())
    except OSError as error:
        yield str(error.strerror)
    await _gone(door)
    for one in held:
        one.close()


async def _gone(door: str) -> None:
    while os.path.exists(door):  # noqa: ASYNC240, PTH110 - no descriptor may be needed for the question
        await asyncio.sleep(0.02)
