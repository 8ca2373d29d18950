from __future__ import annotations

import email.utils
import time

import pytest

from unbroken.models.trouble import from_answer


@pytest.mark.parametrize(
    ("status", "code", "passing"),
    [
        (400, "model_refused", False),
        (401, "model_auth", False),
        (402, "model_credit", False),
        (403, "model_auth", False),
        (404, "model_unknown", False),
        (408, "model_unavailable", True),
        (422, "model_refused", False),
        (429, "model_busy", True),
        (500, "model_unavailable", True),
        (501, "model_unavailable", False),
        (503, "model_unavailable", True),
    ],
)
def test_what_a_status_means(status: int, code: str, passing: bool) -> None:
    error = from_answer(status, b"")
    assert (error.code, error.passing) == (code, passing)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error":{"message":"No such\\n model","type":"x"}}', "No such model"),
        (b'{"error":"No such model"}', "No such model"),
        (b'{"message":"No such model"}', "No such model"),
        (b'{"detail":"No such model"}', "No such model"),
        (b"No such model", "No such model"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'["x"]', "['x']"),
        (b"", "nothing more"),
    ],
)
def test_the_log_has_the_servers_own_words(body: bytes, said: str) -> None:
    assert str(from_answer(404, body)) == f"the model server answered 404: {said}"


def test_the_user_reads_nothing_that_the_server_said() -> None:
    error = from_answer(401, b'{"error":{"message":"bad key sk-12345 for http://user:pw@host/"}}')
    assert "sk-" not in error.public
    assert "http" not in error.public


def test_retry_after_is_seconds_or_a_date() -> None:
    assert from_answer(429, b"", "3").retry_after == 3
    assert from_answer(429, b"", "0.5").retry_after == 0.5
    assert from_answer(429, b"").retry_after is None
    assert from_answer(429, b"", "soon").retry_after is None
    date = email.utils.formatdate(time.time() + 100, usegmt=True)
    assert from_answer(429, b"", date).retry_after == pytest.approx(100, abs=2)
    past = email.utils.formatdate(time.time() - 100, usegmt=True)
    assert from_answer(429, b"", past).retry_after == 0
    assert from_answer(429, b"", "Thu, 01 Jan 2015 00:01:40 GMT", "Thu, 01 Jan 2015 00:00:00 GMT").retry_after == 100
