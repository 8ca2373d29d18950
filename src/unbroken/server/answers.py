"""What the HTTP endpoints answer, with an example of each: the same structs are encoded and documented."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from unbroken.types import Message, Role, Session, Status
from unbroken.usage import Usage


class Chat(msgspec.Struct, frozen=True):
    """A session with its token, as the tutorial answers it; `session_id` is beside it for the other endpoints."""

    token: str
    messages: list[Message]
    name: str
    session_start: str
    session_id: str


class SessionView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A session and what happens in it.

    Attributes:
        running: whether a reply is being made right now.
        waiting: how many accepted messages have no outcome yet, the running one among them.
        cursor: events after it continue these messages, from the first word of a running reply on.
        bot: which of the deployment's bots answers; empty: the first.
        usage: tokens of all replies; only if their bots say what they take.
    """

    id: str
    name: str
    session_start: str
    messages: list[Message]
    running: bool
    waiting: int
    cursor: str
    bot: str = ""
    usage: Usage | None = None


class BotView(msgspec.Struct, frozen=True):
    """A bot as a reader sees it.

    Attributes:
        name: what a new session asks for; empty if there is only one.
        title: what to call it; may be empty then, too.
        welcome: what an empty chat says first.
        prompts: suggestions for a first message.
    """

    name: str
    title: str
    welcome: str
    prompts: list[str]


class BotList(msgspec.Struct, frozen=True):
    """The bots of a deployment, the default one first."""

    bots: list[BotView]


class Acceptance(msgspec.Struct, frozen=True):
    """A message that is stored and gets exactly one outcome; `duplicate` if it was before."""

    id: str
    turn: int
    duplicate: bool


class Cancellation(msgspec.Struct, frozen=True):
    """Where the cancellation found the reply: running, queued, or done already."""

    state: str


class Health(msgspec.Struct, frozen=True):
    """A probe's answer."""

    status: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a request was refused: the codes are the protocol's.

    Attributes:
        retry_after: seconds after which the same request may succeed.
        reference: quote it to the operator to find the log line.
    """

    code: str
    message: str
    retry_after: float | None = None
    reference: str | None = None


class Refusal(msgspec.Struct, frozen=True):
    """The body of every error answer, but those of the tutorial's endpoints."""

    error: Problem


class Detail(msgspec.Struct, frozen=True):
    """The body of an error answer of the tutorial's endpoints."""

    detail: Any


_QUESTION = Message("b1946ac9", "What is a log?", Role.USER, "2025-01-31T12:00:05.250Z", 1)
_REPLY = Message(
    "b1946ac9.reply",
    "A list that only grows.",
    Role.ASSISTANT,
    "2025-01-31T12:00:06.750Z",
    1,
    reply_to="b1946ac9",
    status=Status.COMPLETED,
)
_SESSION = "Zk3nq0YpR5u1XwTb"
_START = "2025-01-31T12:00:00.000Z"

EXAMPLES: dict[type[msgspec.Struct], msgspec.Struct] = {
    Chat: Chat(f"{_SESSION}.c2VjcmV0", [_QUESTION, _REPLY], "Ada", _START, _SESSION),
    SessionView: SessionView(
        _SESSION,
        "Ada",
        _START,
        [_QUESTION, _REPLY],
        False,
        0,
        "1-1738324805250000.1738324805251000-4.0-0",
        "",
        Usage(64, 7, 1),
    ),
    Session: Session(_SESSION, "Ada", _START, [_QUESTION, _REPLY]),
    BotList: BotList([BotView("support", "Support", "How can I help?", ["Where is my order?"])]),
    Acceptance: Acceptance("b1946ac9", 1, False),
    Cancellation: Cancellation("running"),
    Health: Health("ok"),
    Refusal: Refusal(Problem("busy", "20 messages wait in this session already; send this one again later", 2.0)),
    Detail: Detail({"loc": "name", "msg": "Enter a valid name"}),
}


def json(body: msgspec.Struct, status: int = 200, *, kept: str = "no-store") -> Response:
    """A struct as an HTTP response, which nobody may keep unless `kept` says how: it may hold a token."""
    return Response(msgspec.json.encode(body), status, {"cache-control": kept}, "application/json")


def described(kind: type[msgspec.Struct], text: str, example: msgspec.Struct | None = None) -> dict[str, Any]:
    """An answer as OpenAPI describes it: its schema, and an example."""
    shown = msgspec.to_builtins(example or EXAMPLES[kind])
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {"description": text, "content": {"application/json": {"schema": schema, "example": shown}}}
