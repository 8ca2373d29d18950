"""Errors as HTTP answers."""

from __future__ import annotations

import json

import pytest

from unbroken import errors
from unbroken.protocol import ERRORS, Error
from unbroken.server.notices import internal, told
from unbroken.server.problems import answer


@pytest.mark.parametrize("code", ERRORS)
def test_every_code_has_its_status(code: str) -> None:
    response = answer(Error(code, "words"), "/sessions/s")
    assert response.status_code == ERRORS[code].http
    assert json.loads(bytes(response.body)) == {"error": {"code": code, "message": "words"}}
    assert response.headers["cache-control"] == "no-store"
    assert "retry-after" not in response.headers


def every_error() -> list[errors.Refused | errors.Unavailable]:
    kinds: list[type[errors.Refused] | type[errors.Unavailable]] = [errors.Refused, errors.Unavailable]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return [kind("why") for kind in kinds]


@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_everything_that_can_be_refused_is_in_the_table(error: errors.Refused | errors.Unavailable) -> None:
    assert told(error).code in ERRORS


def test_when_to_try_again_is_a_header_in_whole_seconds() -> None:
    response = answer(told(errors.InboxFull("full", retry_after=1.2)), "/sessions/s/messages")
    assert response.headers["retry-after"] == "2"
    assert json.loads(bytes(response.body))["error"]["retry_after"] == 1.2


def test_a_defect_has_a_reference() -> None:
    body = json.loads(bytes(answer(internal("5f0c1a2b"), "/x").body))
    assert body["error"]["reference"] == "5f0c1a2b"


@pytest.mark.parametrize("path", ["/token", "/refresh_token"])
def test_the_tutorials_endpoints_keep_their_form(path: str) -> None:
    response = answer(told(errors.RateLimited("too many", retry_after=3.0)), path)
    assert json.loads(bytes(response.body)) == {"detail": "too many"}
    assert response.headers["retry-after"] == "3"
