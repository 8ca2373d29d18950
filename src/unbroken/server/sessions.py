"""`/sessions/{id}`: reading a session, sending to it, cancelling, and following its events, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

import msgspec
from fastapi import APIRouter, Header, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from unbroken.errors import ProtocolViolation
from unbroken.server.answers import Acceptance, Cancellation, SessionView, described, json
from unbroken.server.problems import refusals
from unbroken.server.service import Service
from unbroken.server.stream import EventStream
from unbroken.server.watch import known
from unbroken.types import Message, Policy, Role
from unbroken.usage import usage

router = APIRouter(prefix="/sessions", tags=["sessions"])

SECURITY: dict[str, Any] = {"security": [{"session": []}, {"session_query": []}]}

SessionId = Annotated[str, Path(description="The session's id.", examples=["Zk3nq0YpR5u1XwTb"])]


class Send(BaseModel):
    """A message to a session."""

    id: str | None = Field(
        None, description="Its id, chosen by the client; the same id counts once.", examples=["b1946ac9"]
    )
    text: str = Field(description="What it says.", examples=["What is a log?"])
    replaces: str | None = Field(
        None,
        description="An earlier message that this one stands for in view, for another text or another reply.",
        examples=["a87ff679"],
    )
    answers: str | None = Field(
        None,
        description="The reply whose question this answers; `-`: none. Without it, a message answers the open one.",
        examples=["a87ff679.reply"],
    )
    policy: Policy | None = Field(
        None,
        description="What becomes of a reply that is running; without it, what the bot's settings say.",
        examples=["interrupt"],
    )


class Cancel(BaseModel):
    """Which reply to stop."""

    message_id: str = Field(description="The id of the message that it answers.", examples=["b1946ac9"])


@router.get(
    "/{session}",
    summary="Read a session",
    response_model=None,
    responses={
        200: described(SessionView, "The session as it is now."),
        **refusals("unauthorized", "session_gone", "unavailable"),
    },
    openapi_extra=SECURITY,
)
async def read(request: Request, session: SessionId) -> Response:
    """Returns all messages, whether a reply is running, and the cursor from which events continue exactly here.

    `usage` sums up what the bots said that their replies took, also of those that are not shown any more.
    """
    service = Service.of(request)
    opened = await service.opened(request, session)
    page = await service.backend.log.resume(session, None, limit=1)
    assert page.snapshot is not None
    messages = msgspec.json.decode(page.snapshot, type=list[Message])
    waiting = sum(1 if message.role is Role.USER else -1 for message in messages)
    running = bool(page.entries)
    view = SessionView(
        opened.id,
        opened.name,
        opened.session_start,
        messages,
        running,
        waiting,
        str(page.cursor),
        opened.bot,
        usage(messages),
    )
    return json(view)


@router.post(
    "/{session}/messages",
    status_code=202,
    summary="Send a message",
    response_model=None,
    responses={
        202: described(Acceptance, "The message is stored and gets exactly one outcome."),
        **refusals(
            "bad_request", "bad_message", "unauthorized", "unknown_message", "not_waiting", "session_gone",
            "session_full", "busy", "unavailable", "unacknowledged",
        ),
    },
    openapi_extra=SECURITY,
)  # fmt: skip
async def send(
    request: Request,
    session: SessionId,
    body: Send,
    idempotency_key: Annotated[str | None, Header(description="The message's id, instead of `id`.")] = None,
) -> Response:
    """Accepts a message. Sending the same id again is safe, and answers the same with `duplicate`."""
    service = Service.of(request)
    opened = await service.opened(request, session)
    if body.id is not None and idempotency_key is not None and body.id != idempotency_key:
        raise ProtocolViolation("`id` and `Idempotency-Key` name different messages")
    given = idempotency_key if body.id is None else body.id
    message_id = uuid4().hex if given is None else given
    receipt = await service.backend.queue.accept(
        session,
        message_id,
        body.text,
        replaces=body.replaces,
        answers=body.answers,
        policy=body.policy or service.policy(opened),
    )
    return json(Acceptance(message_id, receipt.turn.first, receipt.duplicate), 202)


@router.post(
    "/{session}/cancel",
    summary="Stop a reply",
    response_model=None,
    responses={
        200: described(Cancellation, "The reply is being stopped, or was done."),
        **refusals("bad_request", "unauthorized", "unknown_message", "session_gone", "unavailable"),
    },
    openapi_extra=SECURITY,
)
async def cancel(request: Request, session: SessionId, body: Cancel) -> Response:
    """Stops the reply to a message, running or waiting. What it said until then is kept."""
    service = Service.of(request)
    await service.opened(request, session)
    code = await service.backend.queue.cancel(session, body.message_id)
    return json(Cancellation(code.value.lower()))


@router.get(
    "/{session}/events",
    summary="Follow a session",
    response_model=None,
    response_class=Response,
    responses={
        200: {
            "description": "Server-sent events: the events of the WebSocket protocol, with their cursor as id.",
            "content": {
                "text/event-stream": {
                    "schema": {"type": "string"},
                    "example": "id: 1-1738324805250000.1738324805251000-1.0-0\nevent: reply.delta\n"
                    'data: {"type":"reply.delta","turn":1,"text":"A list"}\n\n',
                }
            },
        },
        **refusals("unauthorized", "rate_limited", "session_gone", "unavailable"),
    },
    openapi_extra=SECURITY,
)
async def events(
    request: Request,
    session: SessionId,
    cursor: Annotated[str | None, Query(description="What was seen; without it a snapshot comes first.")] = None,
    last_event_id: Annotated[str | None, Header(description="The same; browsers send it by themselves.")] = None,
) -> Response:
    """Streams what happens in a session after a cursor, each event once and in order."""
    service = Service.of(request)
    opened = await service.opened(request, session)
    return EventStream(service, opened, known(last_event_id or cursor))
