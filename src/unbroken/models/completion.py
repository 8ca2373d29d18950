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
    usage: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


class Completion:
    """One answer of the model, as it arrives.

    Nothing here raises: what was understood comes out first, and then `trouble` says what was not.

    Attributes:
        complete: the server said that the answer is whole.
        trouble: the server reported an error, or sent something that is no completion; nothing comes after it.
        usage: what the server says that the answer took: `prompt_tokens` and `completion_tokens`.
    """

    __slots__ = ("_events", "complete", "trouble", "usage")

    def __init__(self) -> None:
        self._events = EventStream()
        self.complete = False
        self.trouble: ModelError | None = None
        self.usage: Any = None

    def feed(self, chunk: bytes) -> list[Piece]:
        """Takes the next bytes of the stream, cut anywhere, and returns the pieces that are complete now."""
        try:
            return self._read(self._events.feed(chunk))
        except ValueError as error:
            self.trouble = ModelError("model_garbled", f"the model server sent {error}")
            return []

    def close(self) -> list[Piece]:
        """The stream is over. If the answer is not, that is the trouble."""
        found = self._read(self._events.close())
        if not self.complete and self.trouble is None:
            self.trouble = ModelError(
                "model_cut", "the model server's stream ended before the answer did", passing=True
            )
        return found

    def whole(self, body: bytes) -> list[Piece]:
        """Reads an answer that was not streamed although that was asked for."""
        found = self._read([body])
        self.complete = self.trouble is None
        return found

    def _read(self, events: list[bytes]) -> list[Piece]:
        found: list[Piece] = []
        try:
            for data in events:
                try:
                    chunk = _decode(data)
                except (msgspec.DecodeError, UnicodeError):
                    if data == b"[DONE]":
                        self.complete = True
                        continue
                    chunk = _lenient(data)
                if chunk.error:
                    raise from_stream(chunk.error)
                if chunk.usage is not None:
                    self.usage = chunk.usage
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
                        self._finish(choice.finish_reason)
        except ModelError as error:
            self.trouble = error
        return found

    def _finish(self, reason: str) -> None:
        if reason == "content_filter":
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
