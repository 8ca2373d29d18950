"""What the parts of Unbroken tell each other about: sessions, messages, parts of a reply.

These structs are also the wire and the stored form: a `Message` in Redis JSON, in an event and in an
HTTP answer is the same object.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from enum import StrEnum
from typing import Any, Literal, TypeAlias

import msgspec

REPLY = ".reply"
"""What the id of a reply ends in, behind the id of its message."""


class Role(StrEnum):
    """Who wrote a message."""

    USER = "user"
    ASSISTANT = "assistant"


class Status(StrEnum):
    """The three outcomes of an accepted message. Exactly one of them is committed, once."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Feedback(StrEnum):
    """What a reader thinks of a reply."""

    UP = "up"
    DOWN = "down"


class Reasoning(msgspec.Struct, frozen=True, tag="reasoning"):
    """A piece of the model's visible reasoning; pieces that follow each other belong together."""

    text: str


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call"):
    """The model asks for a tool to be run."""

    id: str
    name: str
    arguments: Any = None


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result"):
    """What the tool answered."""

    id: str
    result: Any = None


class Question(msgspec.Struct, frozen=True, omit_defaults=True, tag="question"):
    """The bot asks the reader before it goes on; the next message is the answer.

    Attributes:
        text: the question, which also stands in the text of the reply.
        options: answers to choose from; empty: the reader writes one.
    """

    text: str
    options: list[str] = []


class File(msgspec.Struct, frozen=True, omit_defaults=True, tag="file"):
    """A file that belongs to the reply, kept by somebody else.

    Attributes:
        url: where it is, for the reader's browser.
        name: what to call it; empty: the last part of its address.
        media_type: as in HTTP, for example `image/png`.
        size: bytes, if that is known.
    """

    url: str
    name: str = ""
    media_type: str = ""
    size: int | None = None


class Source(msgspec.Struct, frozen=True, tag="source"):
    """Where a statement comes from."""

    url: str
    title: str = ""


class Data(msgspec.Struct, frozen=True, tag="data"):
    """Anything else, named, for a client that knows the name."""

    name: str
    value: Any = None


Part: TypeAlias = Reasoning | ToolCall | ToolResult | Source | File | Question | Data


class Failure(msgspec.Struct, frozen=True):
    """Why a reply failed, in words that its reader may see."""

    code: str
    message: str
    reference: str = ""


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of a session, as stored, sent and answered.

    Attributes:
        id: the client's message id, which does not end in `.reply`; for a reply `<message id>.reply`.
        msg: the text; of a failed or cancelled reply what had been said until then.
        timestamp: ISO 8601 in UTC, from Redis' clock: accepted, or committed.
        turn: 1, 2, 3 … in the order of acceptance; a reply has the turn of its message.
        reply_to: the message that this reply answers.
        status: how a reply ended; None for the user's messages.
        replaces: the message that this one is another version of, with another text or for another reply: always the
            first of all versions. The history keeps them all; a view shows the last.
        withdrawn: taken back while it waited; it is not shown, and neither is its outcome.
        feedback: a reader's verdict on a reply.
        answers: the reply whose question this message answers.
        merged_into: the message whose reply also answers the one that this reply belongs to: this one is not shown.
    """

    id: str
    msg: str
    role: Role
    timestamp: str
    turn: int
    reply_to: str | None = None
    status: Status | None = None
    error: Failure | None = None
    parts: list[Part] = []
    replaces: str | None = None
    withdrawn: bool = False
    feedback: Feedback | None = None
    answers: str | None = None
    merged_into: str | None = None


def in_order(messages: Iterable[Message]) -> list[Message]:
    """Questions in the order of their turns, each with its answer behind it."""
    return sorted(messages, key=lambda message: (message.turn, message.role is Role.ASSISTANT))


def in_view(messages: Iterable[Message]) -> list[Message]:
    """What people and bots see of a conversation, in order: one version of each message, with its answer.

    Of several versions the one with the last turn is shown, which may be an older one if a newer one was sent before
    it; none that was withdrawn is. A reply that gave way to one for several messages is not shown beside that, or
    beside a later version of that.
    """
    ordered = in_order(messages)
    asked = {message.id: message for message in ordered if message.role is Role.USER}
    last = {message.replaces or message.id: message for message in asked.values() if not message.withdrawn}
    shown = {message.id for message in last.values()}

    def gave_way(reply: Message) -> bool:
        into = asked.get(reply.merged_into or "")
        instead = into and last.get(into.replaces or into.id)
        return into is not None and instead is not None and instead.turn >= into.turn

    return [message for message in ordered if (message.reply_to or message.id) in shown and not gave_way(message)]


class Session(msgspec.Struct, frozen=True):
    """The session document, without the digest of its token.

    Attributes:
        bot: which of the deployment's bots answers; empty: the first.
    """

    id: str
    name: str
    session_start: str
    messages: list[Message] = []
    bot: str = ""


Piece: TypeAlias = str | Part
"""What a bot may yield or return."""

Output: TypeAlias = AsyncIterable[Piece] | Iterable[Piece]

Policy: TypeAlias = Literal["queue", "interrupt", "merge", "reject"]
"""What a message does that arrives during a reply: it waits, stops that and all that wait, is answered together with
them, or is refused."""

ModelApi: TypeAlias = Literal["chat", "responses"]

Continues: TypeAlias = Literal["auto", "vllm", "prefill", "no"]
"""How a model server is asked for the rest of an answer; `auto` finds out."""

AckLevel: TypeAlias = Literal["memory", "disk", "replica"]
