"""What a thread of LangGraph holds of a conversation, and what it should hold.

A message of the conversation has an id in the thread that names it; there, a message with the same id takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from unbroken.turn import Turn
from unbroken.types import REPLY, Message, Question, Role, Status

_MARK = "unbroken"


def held(values: Any) -> Sequence[BaseMessage]:
    """The messages in the state of a thread."""
    return values.get("messages", ()) if isinstance(values, dict) else ()


def _mark(turn: int, message_id: str | None) -> str:
    """The id of a message in the thread."""
    return f"{_MARK}/{turn}/{message_id}"


def valid(messages: Sequence[BaseMessage], turn: Turn) -> bool:
    """Whether the user still sees every message of theirs that a thread holds, with a completed reply.

    Those from before the part of the conversation that the turn knows count as seen.
    """
    first, settled = turn.messages[0].turn, _settled(turn)
    for message in messages:
        mark, _, rest = (message.id or "").partition("/")
        asked = message.type == "human" and mark == _MARK and int(rest.partition("/")[0]) >= first
        if asked and message.id not in settled:
            return False
    return True


def _settled(turn: Turn) -> dict[str, list[str]]:
    """The messages whose run is over, by their marks, each with the ids of its answers and their replies.

    A reply that asks does not end a run, but the reply to its answer may.
    """
    messages = {message.id: message for message in turn.messages}
    settled = {}
    for reply in turn.messages:
        asks = bool(reply.parts) and isinstance(reply.parts[-1], Question)
        if reply.status is not Status.COMPLETED or asks:
            continue
        message, way = messages.get(reply.reply_to or ""), list[str]()
        while message and message.answers and message.answers.removesuffix(REPLY) in messages:
            way += [message.id, message.id + REPLY]
            message = messages[message.answers.removesuffix(REPLY)]
        if message:
            settled[_mark(message.turn, message.id)] = way
    return settled


def conversation(turn: Turn, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The part of the conversation that a thread does not hold yet, at least the message to answer."""
    ids = {message.id for message in messages}
    known = [message for message in turn.messages[:-1] if _mark(message.turn, message.id) in ids]
    last = max((message.turn for message in known), default=0)
    settled = _settled(turn)
    way = {one for message in known for one in settled.get(_mark(message.turn, message.id), ())}
    return [_message(one) for one in turn.messages if one.turn > last and one.id not in way and one.msg]


def _message(message: Message) -> BaseMessage:
    kind = HumanMessage if message.role is Role.USER else AIMessage
    return kind(message.msg, id=_mark(message.turn, message.id))
