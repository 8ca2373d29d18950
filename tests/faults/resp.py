"""Where one RESP value ends and the next begins: just enough of the protocol to stand between a client and Redis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import hiredis

_END = b"\r\n"


class Splitter:
    """Cuts the stream of a server into its values, byte for byte."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yields every value that is complete by now."""
        self._buffer += data
        start = 0
        while (end := _after(self._buffer, start)) > 0:
            yield bytes(self._buffer[start:end])
            start = end
        del self._buffer[:start]


def _after(data: bytearray, at: int) -> int:
    """The index behind the value that begins at `at`, or -1 if it is not complete."""
    needed = 1
    while needed:
        end = data.find(_END, at)
        if end < 0:
            return -1
        kind, count = bytes(data[at : at + 1]), data[at + 1 : end]
        at = end + 2
        if kind in (b"$", b"=", b"!"):
            at += int(count) + 2 if int(count) >= 0 else 0
            needed -= 1
        elif kind in (b"*", b"~", b">"):
            needed += max(int(count), 0) - 1
        elif kind == b"%":
            needed += 2 * int(count) - 1
        else:
            needed -= 1
    return at if at <= len(data) else -1


def parse(raw: bytes) -> Any:
    """What a complete value says; errors as exceptions, pushes and arrays as lists."""
    reader = hiredis.Reader()
    reader.feed(raw)
    return reader.gets()


class Commands:
    """Reads the stream of a client: one list of words for each command."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()

    def feed(self, data: bytes) -> Iterator[list[bytes]]:
        """Yields every command that is complete by now."""
        self._reader.feed(data)
        while (words := self._reader.gets()) is not False:
            yield words


def pack(words: list[bytes]) -> bytes:
    """The bytes of a command."""
    command: tuple[Any, ...] = tuple(words)
    packed: bytes = hiredis.pack_command(command)
    return packed
