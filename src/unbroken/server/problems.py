"""What goes wrong, as HTTP answers: the status of each code, `Retry-After`, and the log for what only it may tell."""

from __future__ import annotations

import logging
import math
import secrets
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.requests import HTTPConnection
from starlette.responses import Response

from unbroken.errors import ProtocolViolation, Refused, Unavailable
from unbroken.protocol import ERRORS, Error
from unbroken.server.answers import Detail, Problem, Refusal, described, json
from unbroken.server.notices import told

log = logging.getLogger(__name__)

TUTORIAL = frozenset({"/token", "/refresh_token"})
"""Paths whose errors keep FastAPI's form, `{"detail": …}`, which clients of the tutorial read."""


def report(where: str) -> str:
    """Logs the exception that is being handled; returns the reference that finds it there."""
    reference = secrets.token_hex(4)
    log.exception("%s failed, reference %s", where, reference)
    return reference


def answer(error: Error, path: str, status: int | None = None) -> Response:
    """An error as an HTTP response, with the status of its code unless another one is given."""
    problem = Problem(error.code, error.message, error.retry_after, error.reference)
    body = Detail(error.message) if path in TUTORIAL else Refusal(problem)
    response = json(body, status or ERRORS[error.code].http)
    if error.retry_after is not None:
        response.headers["retry-after"] = str(math.ceil(error.retry_after))
    return response


async def refused(request: HTTPConnection, error: Exception) -> Response:
    """Answers what was refused, or cannot be done now."""
    assert isinstance(error, Refused | Unavailable)
    return answer(told(error), request.url.path)


async def invalid(request: HTTPConnection, error: Exception) -> Response:
    """Answers a body or a parameter that is not what the endpoint takes."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "the request"
    return answer(told(ProtocolViolation(f"{where}: {first['msg']}")), request.url.path)


def refusals(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The answers of these error codes, and of a defect, as OpenAPI describes them."""
    rows: dict[int | str, dict[str, Any]] = {}
    for code in (*codes, "internal"):
        row = ERRORS[code]
        example = Refusal(Problem(code, row.meaning, 1.0 if row.retry else None))
        if row.http in rows:  # one status for several codes: all of their meanings
            rows[row.http]["description"] += f" Or: {row.meaning}"
        else:
            rows[row.http] = described(Refusal, row.meaning, example)
    return rows
