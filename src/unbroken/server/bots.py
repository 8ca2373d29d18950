"""`/bots`: which bots a new session can have."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from unbroken.server.answers import BotList, BotView, described, json
from unbroken.server.service import Service

router = APIRouter(tags=["bots"])

KEPT = "public, max-age=60"
"""The list is the same for everyone and changes with a deployment only: a minute later all know the new one."""


@router.get(
    "/bots",
    summary="List the bots",
    response_model=None,
    responses={200: described(BotList, "The deployment's bots; the first one is the default.")},
)
async def bots(request: Request) -> Response:
    """Returns what a page needs to offer a choice, and to greet: names, titles, welcomes, suggestions."""
    known = Service.of(request).profiles
    return json(
        BotList([BotView(name, one.title or name, one.welcome, list(one.prompts)) for name, one in known.items()]),
        kept=KEPT,
    )
