"""`/sessions/{id}`, what changes afterwards: waiting messages, verdicts, the name, the end; and the export."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from unbroken.export import markdown
from unbroken.protocol import (
    Command,
    MessageEdit,
    MessageFeedback,
    MessageSendNow,
    MessageWithdraw,
    SessionRename,
)
from unbroken.server.answers import described
from unbroken.server.commands import perform
from unbroken.server.problems import refusals
from unbroken.server.service import Service
from unbroken.server.sessions import SECURITY, SessionId
from unbroken.types import Feedback, Session

router = APIRouter(prefix="/sessions", tags=["sessions"])

MessageId = Annotated[str, Path(description="The message's id.", examples=["b1946ac9"])]

_DONE: dict[int | str, dict[str, Any]] = {
    204: {"description": "Done; everyone who watches the session sees it as an event."},
    **refusals("bad_request", "unauthorized", "session_gone", "unavailable"),
}
_WAITING = {**_DONE, **refusals("unknown_message", "not_waiting")}


class Edit(BaseModel):
    """Another text for a waiting message."""

    text: str = Field(description="What it says instead.", examples=["What is a stream?"])


class Verdict(BaseModel):
    """What a reader thinks of a reply."""

    value: Feedback | None = Field(description="up, down, or null to take it back.", examples=["up"])


class Rename(BaseModel):
    """Another name for the session."""

    name: str = Field(description="1 to 100 characters.", examples=["Logs and streams"])


async def _change(request: Request, session: str, command: Command | None) -> Response:
    service = Service.of(request)
    await service.opened(request, session)
    if command is None:
        await service.backend.store.delete(session)
    else:
        await perform(service.backend, session, command)
    return Response(status_code=204)


@router.patch(
    "/{session}",
    status_code=204,
    summary="Rename a session",
    response_model=None,
    responses={**_DONE, **refusals("bad_message")},
    openapi_extra=SECURITY,
)
async def rename(request: Request, session: SessionId, body: Rename) -> Response:
    """Gives the session another name."""
    return await _change(request, session, SessionRename(body.name))


@router.delete(
    "/{session}",
    status_code=204,
    summary="Delete a session",
    response_model=None,
    responses=_DONE,
    openapi_extra=SECURITY,
)
async def delete(request: Request, session: SessionId) -> Response:
    """Removes the session with its whole history, whatever runs. This cannot be undone."""
    return await _change(request, session, None)


@router.patch(
    "/{session}/messages/{message_id}",
    status_code=204,
    summary="Edit a waiting message",
    response_model=None,
    responses={**_WAITING, **refusals("bad_message")},
    openapi_extra=SECURITY,
)
async def edit(request: Request, session: SessionId, message_id: MessageId, body: Edit) -> Response:
    """Gives a message that still waits another text, at its place in the order."""
    return await _change(request, session, MessageEdit(message_id, body.text))


@router.delete(
    "/{session}/messages/{message_id}",
    status_code=204,
    summary="Withdraw a waiting message",
    response_model=None,
    responses=_WAITING,
    openapi_extra=SECURITY,
)
async def withdraw(request: Request, session: SessionId, message_id: MessageId) -> Response:
    """Takes back a message that still waits. Its outcome, cancelled, is committed at its place in the order."""
    return await _change(request, session, MessageWithdraw(message_id))


@router.post(
    "/{session}/messages/{message_id}/send_now",
    status_code=204,
    summary="Answer a waiting message next",
    response_model=None,
    responses=_WAITING,
    openapi_extra=SECURITY,
)
async def send_now(request: Request, session: SessionId, message_id: MessageId) -> Response:
    """Makes a message that still waits the next one, and stops the running reply."""
    return await _change(request, session, MessageSendNow(message_id))


@router.put(
    "/{session}/messages/{message_id}/feedback",
    status_code=204,
    summary="Judge a reply",
    response_model=None,
    responses=_WAITING,
    openapi_extra=SECURITY,
)
async def feedback(request: Request, session: SessionId, message_id: MessageId, body: Verdict) -> Response:
    """Stores a verdict with a committed reply; `message_id` is the reply's id, or that of the message it answers."""
    return await _change(request, session, MessageFeedback(message_id, body.value))


@router.get(
    "/{session}/export",
    summary="Export a session",
    response_model=None,
    response_class=Response,
    responses={
        200: {
            "description": "The whole history, as a file.",
            "content": {
                "text/markdown": {"schema": {"type": "string"}, "example": "# Ada\n\n**You:** What is a log?\n"},
                **described(Session, "")["content"],
            },
        },
        **refusals("bad_request", "unauthorized", "session_gone", "unavailable"),
    },
    openapi_extra=SECURITY,
)
async def export(
    request: Request,
    session: SessionId,
    format: Annotated[Literal["markdown", "json"], Query(description="What to write.")] = "markdown",  # noqa: A002
) -> Response:
    """Writes a session as Markdown for people, as it is shown, or as JSON for machines, with all that is stored."""
    service = Service.of(request)
    await service.opened(request, session)
    found = await service.backend.store.read(session)
    kind, suffix = ("text/markdown", "md") if format == "markdown" else ("application/json", "json")
    body = markdown(found).encode() if format == "markdown" else msgspec.json.format(msgspec.json.encode(found))
    headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="chat-{session}.{suffix}"'}
    return Response(body, headers=headers, media_type=kind)
