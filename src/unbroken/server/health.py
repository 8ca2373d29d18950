"""`/healthz` and `/readyz`, for whoever restarts processes and balances load."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from unbroken.backend import Backend
from unbroken.errors import Unavailable
from unbroken.server.answers import Health, described, json
from unbroken.server.problems import refusals
from unbroken.server.service import Service

router = APIRouter(tags=["health"])

PATIENCE = 2.0
"""Seconds that Redis may take to answer a probe."""


@router.get(
    "/healthz", summary="Is this process alive?", response_model=None, responses={200: described(Health, "It is.")}
)
async def healthz() -> Response:
    """Answers as long as the event loop turns. Restart the process if it does not."""
    return json(Health("ok"))


@router.get(
    "/readyz",
    summary="Can this process serve?",
    response_model=None,
    responses={200: described(Health, "It can.", Health("ready")), **refusals("unavailable")},
)
async def readyz(request: Request) -> Response:
    """Answers 200 if Redis answers and the server is not stopping. Send no new clients here if it does not."""
    service = Service.of(request)
    if service.clients.draining or not await _answers(service.backend):
        raise Unavailable("stopping, or without Redis")
    return json(Health("ready"))


async def _answers(backend: Backend) -> bool:
    """Whether any Redis server of the deployment answers: with one of several down, the others still serve."""
    probes = [asyncio.create_task(backend.redis.router.command(tag, "PING")) for tag in backend.keys.tags]
    try:
        for probe in asyncio.as_completed(probes, timeout=PATIENCE):
            try:
                await probe
            except Unavailable:
                continue
            return True
    except TimeoutError:
        pass
    finally:
        for task in probes:
            task.cancel()
        await asyncio.gather(*probes, return_exceptions=True)
    return False
