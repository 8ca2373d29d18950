"""Reads a response of OpenAI's Responses API, without touching a socket: bytes in, pieces of the reply out."""

from __future__ import annotations

from typing import Any

import msgspec

from unbroken.models.sse import EventStream
from unbroken.models.trouble import ModelError, from_stream
from unbroken.types import Piece, Reasoning

_PAUSE = "\n\n"
"""Sets apart what a response says in several messages, or thinks in several parts."""


class _Content(msgspec.Struct, gc=False):
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct, gc=False):
    type: str = ""
    content: list[_Content] | None = None
    summary: list[_Content] | None = None


class _Response(msgspec.Struct, gc=False):
    id: str = ""
    status: str = ""
    background: bool | None = None
    output: list[_Item] | None = None
    error: Any = None
    incomplete_details: Any = None
    usage: Any = None


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    sequence_number: int | None = None
    delta: Any = None
    item_id: str | None = None
    summary_index: int | None = None
    response: _Response | None = None
    code: str | None = None
    message: str | None = None
    error: Any = None


_event = msgspec.json.Decoder(_Event).decode
_response = msgspec.json.Decoder(_Response).decode

_TEXT = frozenset({"response.output_text.delta", "response.refusal.delta"})
_REASONING = frozenset({"response.reasoning_summary_text.delta", "response.reasoning_text.delta"})
_FINAL = frozenset({"completed", "incomplete", "failed", "cancelled"})


class ResponseStream:
    """One response, as it arrives. Like a `Completion` it raises nothing: what was understood comes out first.

    Attributes:
        id: names the response, once it is known.
        background: the server runs it to its end, whoever listens.
        first: the number of the first event, which holds no piece; None if the server does not count.
        last: the number of the last event.
        over: the response has ended, well or not.
        trouble: what went wrong; nothing comes after it.
        usage: what the server says that it took: `input_tokens` and `output_tokens`.
    """

    __slots__ = ("_events", "_item", "_thought", "background", "first", "id", "last", "over", "trouble", "usage")

    def __init__(self) -> None:
        self._events = EventStream()
        self._item: str | None = None
        self._thought: tuple[str | None, int | None] | None = None
        self.id = ""
        self.background = False
        self.first: int | None = None
        self.last: int | None = None
        self.over = False
        self.trouble: ModelError | None = None
        self.usage: Any = None

    def reconnect(self) -> None:
        """What comes next is another stream of the same response: half an event is forgotten, and the trouble."""
        self._events = EventStream()
        self.trouble = None

    def feed(self, chunk: bytes) -> list[Piece]:
        """Takes the next bytes of the stream, cut anywhere, and returns the pieces that are complete now."""
        found: list[Piece] = []
        try:
            for data in self._events.feed(chunk):
                if data != b"[DONE]":
                    self._read(_event(data), found)
        except ModelError as error:
            self.trouble = error
        except ValueError as error:
            self.trouble = ModelError("model_garbled", f"the model server sent no response: {error}")
        return found

    def close(self) -> list[Piece]:
        """The stream is over. If the response is not, that is the trouble."""
        found = self.feed(b"\n\n")
        if not self.over and self.trouble is None:
            self.trouble = ModelError("model_cut", "the model server's stream ended before its response", passing=True)
        return found

    def whole(self, body: bytes) -> list[Piece]:
        """Takes a response that is no stream: all of it, or, while it is not `over`, what there is."""
        found: list[Piece] = []
        try:
            response = _response(body)
            for item in response.output or ():
                if item.type == "reasoning":
                    for part in [*(item.summary or ()), *(item.content or ())]:
                        if part.text:
                            found.append(Reasoning(_apart(part.text, found, Reasoning)))
                elif text := "".join(part.text or part.refusal or "" for part in item.content or ()):
                    found.append(_apart(text, found, str))
            self._ended(response)
        except ModelError as error:
            self.trouble = error
        except ValueError as error:
            self.trouble = ModelError("model_garbled", f"the model server sent no response: {error}")
        return found

    def _read(self, event: _Event, found: list[Piece]) -> None:
        if event.sequence_number is not None:
            self.last = event.sequence_number
            if self.first is None:
                self.first = self.last
        if event.type in _TEXT and isinstance(event.delta, str):
            before, self._item = self._item, event.item_id
            found.append(event.delta if before in (None, event.item_id) else _PAUSE + event.delta)
        elif event.type in _REASONING and isinstance(event.delta, str):
            thought, self._thought = self._thought, (event.item_id, event.summary_index)
            found.append(Reasoning(event.delta if thought in (None, self._thought) else _PAUSE + event.delta))
        elif event.type == "error":
            self.over = True
            raise from_stream(event.error or {"code": event.code, "message": event.message})
        elif event.response is not None:
            self._ended(event.response)

    def _ended(self, response: _Response) -> None:
        """Learns what the response is, and whether and how it ended."""
        self.id = response.id or self.id
        self.background = bool(response.background) or self.background
        self.over = response.status in _FINAL
        if not self.over:
            return
        self.usage = response.usage
        if response.status == "failed":
            raise from_stream(response.error or "nothing more")
        if response.status == "cancelled":
            raise ModelError("model_cut", "the response was cancelled at the model server")
        why = response.incomplete_details
        if isinstance(why, dict) and why.get("reason") == "content_filter":
            raise ModelError("model_filtered", "the model server filtered the answer")


def _apart(text: str, found: list[Piece], kind: type) -> str:
    """The text, set apart from one of its kind before it."""
    return _PAUSE + text if any(isinstance(piece, kind) for piece in found) else text
