"""The AsyncAPI document of the WebSocket, made from the protocol."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from unbroken import __version__, protocol
from unbroken.protocol import ERRORS, SUBPROTOCOL, TOKEN_SUBPROTOCOL, CloseCode
from unbroken.server.schemas import components
from unbroken.types import Failure, Feedback, Message, Reasoning, Role, Status

_CURSOR = "1-1738324805250000.1738324805251000-1.0-0"
_CHANGED = "1-1738324805250000.1738324805251000-1.1-1738324809000000"
_QUESTION = Message("b1946ac9", "What is a log?", Role.USER, "2025-01-31T12:00:05.250Z", 1)


def _reply(status: Status, text: str, error: Failure | None = None) -> Message:
    time = "2025-01-31T12:00:06.750Z"
    return Message("b1946ac9.reply", text, Role.ASSISTANT, time, 1, reply_to="b1946ac9", status=status, error=error)


EXAMPLES: tuple[protocol.Command | protocol.Event, ...] = (
    protocol.MessageSend("b1946ac9", "What is a log?"),
    protocol.ReplyCancel("b1946ac9"),
    protocol.Resume(_CURSOR),
    protocol.MessageEdit("b1946ac9", "What is a stream?"),
    protocol.MessageWithdraw("b1946ac9"),
    protocol.MessageSendNow("b1946ac9"),
    protocol.MessageFeedback("b1946ac9.reply", Feedback.UP),
    protocol.SessionRename("Logs and streams"),
    protocol.SessionReady(
        protocol.SessionInfo("Zk3nq0YpR5u1XwTb", "Ada", "2025-01-31T12:00:00.000Z"), protocol.Limits(65_536, 20, 3600)
    ),
    protocol.Snapshot([_QUESTION], _CURSOR, "Ada"),
    protocol.MessageAccepted(_QUESTION, "1-1738324805250000.0-0.0-0"),
    protocol.MessageAcknowledged("b1946ac9"),
    protocol.ReplyStarted(1, "b1946ac9", 1, "", "1-1738324805250000.1738324805251000-0.0-0"),
    protocol.ReplyDelta(1, "A list", _CURSOR),
    protocol.ReplyPart(1, Reasoning("Keep it short."), "1-1738324805250000.1738324805251000-2.0-0"),
    protocol.ReplyCompleted(_reply(Status.COMPLETED, "A list that only grows."), _CURSOR),
    protocol.ReplyFailed(
        _reply(Status.FAILED, "A li", Failure("bot_error", "The reply failed. Please try again.", "5f0c1a2b")), _CURSOR
    ),
    protocol.ReplyCancelled(_reply(Status.CANCELLED, "A list that"), _CURSOR),
    protocol.MessageEdited(_QUESTION, _CHANGED),
    protocol.MessageWithdrawn("b1946ac9", 1, _CHANGED),
    protocol.QueueChanged([_QUESTION], _CHANGED),
    protocol.FeedbackGiven("b1946ac9.reply", Feedback.UP, _CHANGED),
    protocol.SessionRenamed("Logs and streams", _CHANGED),
    protocol.Error("busy", "20 messages wait in this session already; send this one again later", "b1946ac9", 2.0),
    protocol.Reconnect(0.4),
)
"""One of each command and event."""


def asyncapi() -> dict[str, Any]:
    """Makes the document."""
    commands, events = get_args(protocol.Command), get_args(protocol.Event)
    messages = {type(example).__name__: _message(example) for example in EXAMPLES}
    refs = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Unbroken",
            "version": __version__,
            "description": f"One WebSocket for each client. With the subprotocol `{SUBPROTOCOL}` it speaks these JSON "
            "events; without it, plain text: a text is a message, its reply comes as one text.",
        },
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "127.0.0.1:8000", "protocol": "ws"}},
        "channels": {
            "chat": {
                "address": "/chat",
                "description": f"The token is given in `Authorization: Bearer`, as the subprotocol "
                f"`{TOKEN_SUBPROTOCOL}<token>` or in the query. Without a token, or with one that opens no session, "
                "the handshake is answered with 403.",
                "messages": refs,
                "bindings": {"ws": _binding()},
            }
        },
        "operations": {
            "commands": _operation("receive", "What clients ask for.", commands),
            "events": _operation("send", "What clients are told.", events),
        },
        "components": {"messages": messages, "schemas": components(commands + events)},
        "x-error-codes": {code: row._asdict() for code, row in ERRORS.items()},
        "x-close-codes": {code.value: {"name": code.name, "reconnect": code.reconnect} for code in CloseCode},
    }


def _message(example: msgspec.Struct) -> dict[str, Any]:
    kind = type(example)
    return {
        "name": kind.__struct_config__.tag,
        "title": kind.__name__,
        "summary": (kind.__doc__ or "").partition("\n")[0],
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        "examples": [{"payload": msgspec.to_builtins(example)}],
    }


def _operation(action: str, summary: str, kinds: tuple[type[msgspec.Struct], ...]) -> dict[str, Any]:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": "#/channels/chat"},
        "messages": [{"$ref": f"#/channels/chat/messages/{kind.__name__}"} for kind in kinds],
    }


def _binding() -> dict[str, Any]:
    query = {
        "token": {"type": "string", "description": "The session's token."},
        "cursor": {"type": "string", "description": "What the client has seen; without it a snapshot comes first."},
    }
    return {"method": "GET", "query": {"type": "object", "properties": query}, "bindingVersion": "0.1.0"}
