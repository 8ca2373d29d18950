"""`/token` and `/refresh_token`: sessions as the tutorial's clients create and find them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response

from unbroken.errors import MessageRefused, NotAuthenticated, SessionGone
from unbroken.server.answers import Chat, Detail, described, json
from unbroken.server.auth import token_of
from unbroken.server.service import Service

router = APIRouter(tags=["sessions"])


EXPIRED = "Session expired or does not exist"

_BUSY: dict[int | str, dict[str, Any]] = {
    429: described(Detail, "Too many new sessions from this address.", Detail("too many new sessions")),
    503: described(Detail, "The store cannot be reached or cannot write now.", Detail("The store cannot write now.")),
    500: described(Detail, "A defect of the server.", Detail("A defect of the server.")),
}


@router.post(
    "/token",
    summary="Create a session",
    response_model=None,
    responses={
        200: described(Chat, "The new session."),
        400: described(Detail, "The name is empty or too long, or there is no such bot."),
        403: described(Detail, "Creating a session here needs an API key.", Detail("creating a session needs a key")),
        **_BUSY,
    },
    openapi_extra={"security": [{}, {"creator": []}]},
)
async def create(
    request: Request,
    name: Annotated[str, Query(description="The user's name, 1 to 100 characters.", examples=["Ada"])] = "",
    bot: Annotated[str, Query(description="Which bot answers, of those at /bots; without it the first.")] = "",
) -> Response:
    """Creates a session for a name, and returns its token: the secret that opens it."""
    service = Service.of(request)
    if bot and bot not in service.profiles:
        known = ", ".join(filter(None, service.profiles))
        choice = f"there are: {known}" if known else "here is only one bot, which has no name"
        raise HTTPException(400, {"loc": "bot", "msg": f"There is no bot {bot[:40]!r}; {choice}"})
    service.gate.admit(request)
    try:
        token, session = await service.backend.store.create(name, bot)
    except MessageRefused:
        raise HTTPException(400, {"loc": "name", "msg": "Enter a valid name"}) from None
    return json(Chat(token, [], session.name, session.session_start, session.id))


_FOUND: dict[str, Any] = {
    "summary": "Find a session again",
    "response_model": None,
    "responses": {
        200: described(Chat, "The session with its whole history."),
        400: described(Detail, "The session expired or never existed.", Detail(EXPIRED)),
        503: _BUSY[503],
        500: _BUSY[500],
    },
    "openapi_extra": {"security": [{"session": []}, {"session_query": []}]},
}


@router.get("/refresh_token", **_FOUND)
@router.post("/refresh_token", operation_id="refresh_by_post", **_FOUND)
async def refresh(request: Request) -> Response:
    """Returns the session of a token with its whole history, and renews its time to live."""
    service = Service.of(request)
    try:
        opened = await service.opened(request)
        await service.backend.store.touch(opened.id)
        session = await service.backend.store.read(opened.id)
    except (NotAuthenticated, SessionGone):
        raise HTTPException(400, EXPIRED) from None
    return json(Chat(token_of(request) or "", session.messages, session.name, session.session_start, session.id))
