"""Makes what a bot says fit for the log and the store, which take text in UTF-8 and plain JSON, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from unbroken.claim import Outcome
from unbroken.types import Failure, File, Part, Piece, Question, Reasoning, Status

_encode = msgspec.json.Encoder().encode
_decode: msgspec.json.Decoder[Part] = msgspec.json.Decoder(Part)

_TEXTUAL = (str, Reasoning)

UNENCODABLE = (TypeError, ValueError, OverflowError, RecursionError)
"""What the encoder raises for values that are no JSON."""


def text(raw: str) -> tuple[str, int]:
    """The text with every half character replaced by U+FFFD, and its length in bytes."""
    if raw.isascii():
        return raw, len(raw)
    try:
        return raw, len(raw.encode())
    except UnicodeEncodeError:
        whole = raw.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return whole, len(whole.encode())


def part(raw: Part) -> tuple[Part, int]:
    """A copy of the part that holds plain JSON only and that the bot cannot change later, and its length in bytes.

    A value that is no JSON becomes its description.
    """
    if isinstance(raw, Reasoning):
        clean, size = text(raw.text)
        return (raw if clean is raw.text else Reasoning(clean)), size
    try:
        data = _encode(raw)
    except UNENCODABLE:
        data = _encode(described(raw))
    return _decode.decode(data), len(data)


def described(raw: Part) -> Part:
    """The part with its free-form value as a string."""
    match raw:
        case Question(text=asked, options=options):
            return Question(_string(asked), [_string(option) for option in options])
        case File(url=url, name=name, media_type=media_type):
            return File(_string(url), _string(name), _string(media_type))
    fields = {name: _string(value) for name, value in msgspec.structs.asdict(raw).items()}
    return type(raw)(**fields)


def _string(value: object) -> str:
    try:
        return text(str(value))[0]
    except Exception as error:  # a user's __str__ may raise anything
        return f"<{type(value).__name__} without a description: {type(error).__name__}>"


def merged(pieces: Sequence[Piece]) -> Piece:
    """One piece for several that `follow` each other."""
    first = pieces[0]
    if isinstance(first, str):
        return first if len(pieces) == 1 else "".join(pieces)  # type: ignore[arg-type]
    return first if len(pieces) == 1 else Reasoning("".join(piece.text for piece in pieces))  # type: ignore[union-attr]


def follow(first: Piece, second: Piece) -> bool:
    """Whether two pieces may become one: text and text, or reasoning and reasoning."""
    return type(first) is type(second) and isinstance(first, _TEXTUAL)


def length(piece: Piece) -> int:
    """Characters of text in a piece that may be merged; 0 for any other."""
    return len(piece) if isinstance(piece, str) else len(piece.text) if isinstance(piece, Reasoning) else 0


def versions(outcome: Outcome) -> Iterator[Outcome]:
    """The outcome as it is, then ever plainer ones, for a store that refused those before."""
    yield outcome
    clean = text(outcome.text)[0]
    yield outcome._replace(text=clean, parts=[described(one) for one in outcome.parts])
    failed = Outcome(
        Status.FAILED,
        clean,
        Failure("unstorable_reply", "The reply could not be stored."),
        reason="the store refused the reply",
    )
    yield failed
    yield failed._replace(text="")
