"""Speaks AG-UI to agents behind HTTP, with nothing but the protocol: whatever framework they are made with.

As for models, the stream is read with aiohttp and msgspec; the protocol's own package, which checks every event with
Pydantic, is for the tests.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from unbroken.errors import BotError, ConfigurationError
from unbroken.models import interrupts
from unbroken.models.narration import Narration
from unbroken.models.sse import EventStream
from unbroken.models.trouble import ModelError, from_answer
from unbroken.models.usage import Usage
from unbroken.turn import Turn
from unbroken.types import Data, Piece, Reasoning, Role, ToolCall, ToolResult

PROTOCOL = "1.0"
"""The version of AG-UI that we speak, as it is told to agents."""


def agent(url: str, *, headers: Mapping[str, str] | None = None, timeout: float = 300.0) -> HttpAgent:
    """Makes a bot of an agent behind HTTP.

    Args:
        url: where its runs are posted to.
        headers: sent with every run, such as Authorization.
        timeout: longest silence of the agent in seconds; its tools may take a while.

    Raises:
        ConfigurationError: it is no address.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"an AG-UI agent has an address with http:// or https:// and a host, not {url!r}")
    return HttpAgent(url, headers or {}, timeout)


class HttpAgent:
    """An agent behind HTTP. A run that failed is not repeated: its tools may have done something."""

    def __init__(self, url: str, headers: Mapping[str, str], timeout: float) -> None:
        self._url = url
        self._host = urlsplit(url).hostname
        self._headers = {"Accept": "text/event-stream", "Content-Type": "application/json", **headers}
        self._timeout = timeout
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Makes the client."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(10.0, self._timeout), sock_read=self._timeout)
        # no connection is used again: the agent may just have closed it, and a run that was posted is not repeated
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        self._http = aiohttp.ClientSession(connector=connector, timeout=timeout, headers=self._headers, trust_env=True)

    async def close(self) -> None:
        """Closes the client."""
        if self._http is not None:
            await self._http.close()

    async def reply(self, turn: Turn) -> AsyncIterator[Piece]:
        """Runs the agent on the conversation, in a thread of its own for each session.

        A run that ends with interrupts is kept, and each of them becomes a question; when all are answered, a new run
        resumes it.

        Raises:
            BotError: the agent said that the run failed.
            ModelError: it refused the run, fell silent, broke off, or does not speak AG-UI.
        """
        assert self._http is not None, "start() comes first"
        kept = interrupts.Kept() if turn.saved is None else msgspec.convert(turn.saved, interrupts.Kept)
        resume = [await interrupts.answered(one, turn) for one in kept.interrupts]
        run = Run(turn, kept.open_calls)
        heard: list[Piece] = []
        try:
            async with self._http.post(self._url, data=msgspec.json.encode(_input(turn, kept, resume))) as response:
                if response.status >= 300:
                    body = await response.content.read(10_000)
                    raise from_answer(response.status, body, response.headers.get("Retry-After"))
                while chunk := await response.content.readany():
                    for piece in run.feed(chunk):
                        heard.append(piece)
                        yield piece
            for piece in run.close():
                heard.append(piece)
                yield piece
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._lost(error, run.began) from None
        if run.interrupts:
            await turn.checkpoint(kept.followed(heard, run.interrupts, run.state))
            await interrupts.answered(run.interrupts[0], turn)  # which ends this reply

    def _lost(self, error: Exception, began: bool) -> ModelError:
        if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError):
            return ModelError("model_silent", f"{self._host} was silent for {self._timeout:g} s")
        code = "model_cut" if began else "model_unavailable"
        return ModelError(code, f"{self._host}: {type(error).__name__}: {error}")


def _input(turn: Turn, kept: interrupts.Kept, resume: list[dict[str, Any]]) -> dict[str, Any]:
    """The turn as `RunAgentInput`. A second attempt is a new run of the same thread."""
    run = f"{turn.message_id}.{turn.attempt}" if turn.message_id else secrets.token_hex(8)
    conversation = [
        {"id": message.id, "role": "user" if message.role is Role.USER else "assistant", "content": message.msg}
        for message in turn.messages
        if message.msg
    ]
    return {
        "protocolVersion": PROTOCOL,
        "threadId": turn.session,
        "runId": ".".join([run, *(one["interruptId"] for one in resume)]),
        "state": kept.state,
        "messages": [*conversation, *kept.messages],
        "tools": [],
        "context": [],
        "forwardedProps": {},
        **({"resume": resume} if resume else {}),
    }


class _Usage(msgspec.Struct, rename="camel", gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Outcome(msgspec.Struct, gc=False):
    interrupts: list[interrupts.Interrupt] = []


class _Event(msgspec.Struct, rename="camel", gc=False):
    """What we read of all events together; each has a few of these."""

    type: str
    delta: Any = None
    message_id: str | None = None
    role: str | None = None
    tool_call_id: str | None = None
    tool_call_name: str | None = None
    content: Any = None
    snapshot: Any = None
    name: str = ""
    value: Any = None
    message: str = ""
    code: str | None = None
    usage: list[_Usage] | None = None
    outcome: _Outcome | None = None


_decode = msgspec.json.Decoder(_Event).decode


class Run:
    """One run as it arrives: bytes in, pieces of the reply out.

    Args:
        open_calls: calls of the run that this one resumes, which this one may have the results of.

    Attributes:
        began: the agent said something.
        interrupts: what the agent asks before it goes on, once the run is over.
        state: the agent's, as it told it last.
    """

    def __init__(self, turn: Turn, open_calls: Mapping[str, ToolCall] | None = None) -> None:
        self._events = EventStream()
        self._narration = Narration(turn)
        self._open = dict(open_calls or {})
        self._message: str | None = None
        self._foreign: set[str | None] = set()
        self._calls: dict[str | None, tuple[str, list[str]]] = {}
        self._last_call: str | None = None
        self._finished = False
        self.began = False
        self.interrupts: list[interrupts.Interrupt] = []
        self.state: Any = None

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        """Takes the next bytes, cut anywhere, and yields the pieces that are complete now.

        Raises:
            BotError: the run failed, behind these pieces.
            ModelError: this is not AG-UI.
        """
        try:
            for data in self._events.feed(chunk):
                yield from self._read(_decode(data))
        except ValueError as error:  # msgspec's, and that of bytes which are no UTF-8, are ValueErrors too
            raise ModelError("model_garbled", f"the agent sent no AG-UI event: {error}") from None

    def close(self) -> Iterator[Piece]:
        """The stream is over.

        Raises:
            ModelError: it ended before the run did.
        """
        yield from self.feed(b"\n\n")  # which the last event may lack
        if not self._finished:
            raise ModelError("model_cut", "the agent's stream ended before its run did")

    def _read(self, event: _Event) -> Iterator[Piece]:
        self.began = True
        match event.type:
            case "TEXT_MESSAGE_START" | "TEXT_MESSAGE_CONTENT" | "TEXT_MESSAGE_CHUNK":
                yield from self._text(event)
            case "REASONING_MESSAGE_CONTENT" | "REASONING_MESSAGE_CHUNK" | "THINKING_TEXT_MESSAGE_CONTENT":
                if event.delta:
                    yield Reasoning(event.delta)
            case "TOOL_CALL_START" | "TOOL_CALL_ARGS" | "TOOL_CALL_CHUNK":
                yield from self._call(event)
            case "TOOL_CALL_END":
                yield from self._called(event.tool_call_id)
            case "TOOL_CALL_RESULT":
                yield from self._result(event.tool_call_id or "", event.content)
            case "STATE_SNAPSHOT":
                self.state = event.snapshot
                yield Data("state", event.snapshot)
            case "STATE_DELTA":
                yield Data("state_delta", event.delta)
            case "CUSTOM":
                yield Data(event.name, event.value)
            case "RUN_FINISHED":
                yield from self._finish(event)
            case "RUN_ERROR":
                raise BotError(f"the agent's run failed: {event.code or 'error'}: {event.message}", code="agent_error")

    def _text(self, event: _Event) -> Iterator[Piece]:
        """The assistant's text. Messages of others, a user's or instructions, may be streamed too."""
        self._message = event.message_id or self._message
        if event.role not in (None, "assistant"):
            self._foreign.add(self._message)
        if event.delta and self._message not in self._foreign:
            yield self._narration.say(event.delta, self._message)

    def _call(self, event: _Event) -> Iterator[Piece]:
        """Gathers a call: its name once, its arguments in fragments."""
        call = event.tool_call_id or self._last_call
        if call not in self._calls:
            if event.type == "TOOL_CALL_CHUNK":
                yield from self._called(*self._calls)  # no event ends those, but that the next begins
            self._calls[call] = (event.tool_call_name or "", [])
        self._last_call = call
        if event.delta:
            self._calls[call][1].append(event.delta)

    def _called(self, *calls: str | None) -> Iterator[Piece]:
        for call in calls:
            if call in self._calls:
                name, fragments = self._calls.pop(call)
                yield ToolCall(call or "", name, _arguments("".join(fragments)))

    def _result(self, call: str, content: Any) -> Iterator[Piece]:
        """A result, behind its call; that of an interrupted run was shown with the question, in another reply."""
        yield from self._called(call)
        if open_call := self._open.pop(call, None):
            yield open_call
        yield ToolResult(call, content)

    def _finish(self, event: _Event) -> Iterator[Piece]:
        self._finished = True
        if event.outcome is not None:
            self.interrupts = event.outcome.interrupts
        yield from self._called(*self._calls)
        usage = Usage()
        for one in event.usage or ():
            usage.add(one.input_tokens, one.output_tokens)
        yield from usage.parts()


def _arguments(text: str) -> Any:
    """The arguments of a call; a model may write some that are no JSON."""
    try:
        return msgspec.json.decode(text) if text else {}
    except (msgspec.DecodeError, UnicodeError):
        return text
