"""Reads server-sent events, without touching a socket."""

from __future__ import annotations

LONGEST = 1024 * 1024
"""Bytes that one event may have. No model sends one so long; a broken server must not fill the memory."""


class EventStream:
    """Turns bytes, cut anywhere, into the data of the events in them.

    Lines may end in LF, CRLF or CR. Only `data` is read; comments, names and ids of events are skipped.
    """

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Takes the next bytes and returns the data of every event that is complete now, in order.

        Raises:
            ValueError: one event is longer than `LONGEST`.
        """
        alone = chunk[:6] == b"data: " and chunk[-1:] == b"\n" and chunk.find(b"\n") == len(chunk) - 2
        if alone and not self._rest and b"\r" not in chunk:
            return [chunk[6:-2]]  # one line and a blank one: what most chunks are while nobody gathers them
        text = self._rest + chunk if self._rest else chunk
        held = b""
        if b"\r" in text:
            if text.endswith(b"\r"):  # its LF may be in the next chunk
                text, held = text[:-1], b"\r"
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        events = text.split(b"\n\n")
        rest = self._rest = events.pop() + held
        if len(rest) > LONGEST:
            raise ValueError(f"an event of more than {LONGEST} bytes")
        found: list[bytes] = []
        for event in events:
            if event[:6] == b"data: " and b"\n" not in event:  # what nearly every event is
                found.append(event[6:])
            else:
                _read(event, found)
        return found

    def close(self) -> list[bytes]:
        """The stream is over: returns what its last event still lacked only the blank line for."""
        return self.feed(b"\n\n")


def _read(event: bytes, found: list[bytes]) -> None:
    lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
    if lines:
        found.append(b"\n".join(lines))
