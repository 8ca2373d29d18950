"""Reads a streamed chat completion, without touching a socket: bytes in, pieces of the reply out."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from unbroken.models.sse import EventStream
from unbroken.models.trouble import ModelError, from_stream
from unbroken.types import Piece, Reasoning


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


class Completion:
    """One answer of the model, as it arrives.

    Attributes:
        complete: the server said that the answer is whole.
    """

    __slots__ = ("_events", "complete")

    def __init__(self) -> None:
        self._events = EventStream()
        self.complete = False

    def feed(self, chunk: bytes) -> list[Piece]:
        """Takes the next bytes of the stream, cut anywhere, and returns the pieces that are complete now.

        Raises:
            ModelError: the server reports an error, or sends something that is no completion.
        """
        try:
            events = self._events.feed(chunk)
        except ValueError as error:
            raise ModelError("model_garbled", f"the model server sent {error}") from None
        found: list[Piece] = []
        for data in events:
            self._read(data, found)
        return found

    def close(self) -> list[Piece]:
        """The stream is over.

        Raises:
            ModelError: it ended before the answer did.
        """
        found: list[Piece] = []
        for data in self._events.close():
            self._read(data, found)
        if not self.complete:
            raise ModelError("model_cut", "the model server's stream ended before the answer did", passing=True)
        return found

    def whole(self, body: bytes) -> list[Piece]:
        """Reads an answer that was not streamed although that was asked for."""
        found: list[Piece] = []
        self._read(body, found)
        self.complete = True
        return found

    def _read(self, data: bytes, found: list[Piece]) -> None:
        if data == b"[DONE]":
            self.complete = True
            return
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, UnicodeError):
            chunk = _lenient(data)
        if chunk.error:
            raise from_stream(chunk.error)
        for choice in chunk.choices or ():
            delta = choice.delta or choice.message
            if delta is not None:
                thought = delta.reasoning_content or delta.reasoning
                if thought:
                    found.append(Reasoning(thought))
                text = delta.content or delta.refusal
                if text:
                    found.append(text)
            if choice.finish_reason is not None:
                if choice.finish_reason == "content_filter":
                    raise ModelError("model_filtered", "the model server filtered the answer")
                self.complete = True


def _lenient(data: bytes) -> _Chunk:
    """Reads what strict JSON refuses and small servers send: half a character, in bytes or escaped.

    A half is lost either way; the text around it is not.
    """
    try:
        return msgspec.convert(json.loads(data.decode(errors="replace")), _Chunk)
    except (ValueError, RecursionError) as error:
        raise ModelError("model_garbled", f"the model server sent no completion: {error}: {data[:200]!r}") from None
