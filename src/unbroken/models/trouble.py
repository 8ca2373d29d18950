"""What can go wrong with a model server: whether to try again, what the log says and what the user reads."""

from __future__ import annotations

import email.utils
import time
from typing import Any

import msgspec

from unbroken.errors import BotError

_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})

_STATUS = {
    "context_length_exceeded": 400,
    "insufficient_quota": 402,
    "invalid_prompt": 400,
    "model_not_found": 404,
    "rate_limit_exceeded": 429,
    "server_error": 500,
}
"""What the codes mean that OpenAI gives beside, or instead of, a status."""

_PUBLIC = {
    "model_busy": "The model is busy. Please try again in a while.",
    "model_auth": "The model's server does not accept the key it was given.",
    "model_credit": "The account at the model's provider has no credit left.",
    "model_unknown": "The model's server does not know this model.",
    "model_refused": "The model's server refused the conversation. It may be too long; a new one may help.",
    "message_too_long": "This message is too long for the model. Please send a shorter one.",
    "model_filtered": "The model's provider filtered the answer.",
    "model_unavailable": "The model's server does not answer. Please try again.",
    "model_silent": "The model was silent for too long. Please try again.",
    "model_cut": "The model's server broke off in the middle of the answer. Please try again.",
    "model_garbled": "The model's server sent something that is no answer.",
}


class ModelError(BotError):
    """The model server failed. Its public text is one of a fixed set, so it holds no key and no address.

    Attributes:
        passing: the same request may succeed later.
        retry_after: seconds that the server asked to wait, if it did.
    """

    def __init__(self, code: str, message: str, *, passing: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message, public=_PUBLIC[code], code=code)
        self.passing = passing
        self.retry_after = retry_after


def from_answer(status: int, body: bytes, retry_after: str | None = None, date: str | None = None) -> ModelError:
    """Reads an answer with an error status, and its headers Retry-After and Date."""
    said = _content(body)
    meant = 402 if status == 429 and isinstance(said, dict) and said.get("code") == "insufficient_quota" else status
    return ModelError(
        _code(meant),
        f"the model server answered {status}: {_sentence(said)}",
        passing=meant in _RETRIED,
        retry_after=_seconds(retry_after, date),
    )


def from_stream(error: Any) -> ModelError:
    """Reads the `error` that a server put into its stream."""
    code = (error.get("code") or error.get("status")) if isinstance(error, dict) else None
    number = int(code) if isinstance(code, (int, str)) and str(code).isdigit() else _STATUS.get(str(code), 500)
    return ModelError(
        _code(number), f"the model server sent an error in its stream: {_sentence(error)}", passing=number in _RETRIED
    )


def from_exception(error: Exception) -> ModelError | None:
    """Reads what a provider's SDK raised for an answer with an error status; None for everything else."""
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    return from_answer(status, str(error).encode()) if isinstance(status, int) else None


def _code(status: int) -> str:
    match status:
        case 401 | 403:
            return "model_auth"
        case 402:
            return "model_credit"
        case 404:
            return "model_unknown"
        case 429 | 529:
            return "model_busy"
        case _ if 400 <= status < 500 and status not in _RETRIED:
            return "model_refused"
        case _:
            return "model_unavailable"


def _content(body: bytes) -> Any:
    """What an error body holds: OpenAI's `{"error": {"message"}}`, or one of its cousins, or the text itself."""
    try:
        content = msgspec.json.decode(body)
    except msgspec.DecodeError:
        content = body.decode(errors="replace")
    return content.get("error", content) if isinstance(content, dict) else content


def _sentence(error: Any) -> str:
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail") or error
    return " ".join(str(error).split())[:300] or "nothing more"


def _seconds(header: str | None, date: str | None) -> float | None:
    """Reads Retry-After: seconds, or a date, from which the answer's own is taken: our clock may be wrong."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        now = email.utils.parsedate_to_datetime(date).timestamp() if date else time.time()
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - now)
    except ValueError:
        return None
