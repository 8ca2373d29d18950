"""A session as a Markdown document."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from urllib.parse import quote, unquote, urlsplit

import msgspec

from unbroken.types import (
    Data,
    File,
    Message,
    Part,
    Question,
    Reasoning,
    Role,
    Session,
    Source,
    Status,
    ToolCall,
    ToolResult,
    in_view,
)

_ENDED = {Status.CANCELLED: "stopped", Status.FAILED: "failed"}


def markdown(session: Session) -> str:
    """Writes a session as people see it: answers behind their questions, nothing that gave way to something else.

    How a reply came about is folded: its reasoning, its tools with what they were asked and what they answered, and
    what programs tell each other.
    """
    pieces = [f"# {session.name}", f"*{session.session_start}*", *map(_message, in_view(session.messages))]
    return "\n\n".join(pieces) + "\n"


def called(file: File) -> str:
    """What to call a file: its name, or the last part of its address."""
    return file.name or unquote(urlsplit(file.url).path.rpartition("/")[2]) or file.url


def _message(message: Message) -> str:
    who = "You" if message.role is Role.USER else "Assistant"
    how = f", {_ENDED[message.status]}" if message.status in _ENDED else ""
    pieces = [f"**{who}** ({message.timestamp}{how})", *_steps(message.parts), message.msg]
    if message.error is not None:
        pieces.append(f"> {message.error.message}")
    pieces.append(_list(option for part in message.parts if isinstance(part, Question) for option in part.options))
    pieces.append(_list(_file(part) for part in message.parts if isinstance(part, File)))
    pieces.append(_list(_link(part.title or part.url, part.url) for part in message.parts if isinstance(part, Source)))
    pieces += [_fold(part.name, _code(part.value)) for part in message.parts if isinstance(part, Data)]
    return "\n\n".join(piece for piece in pieces if piece)


def _steps(parts: Iterable[Part]) -> list[str]:
    """Reasoning and tools, in their order; what a tool answered stands with what it was asked."""
    parts = list(parts)
    results = {part.id: part for part in parts if isinstance(part, ToolResult)}
    called_ids = {part.id for part in parts if isinstance(part, ToolCall)}
    found: list[str] = []
    thought = ""
    for part in [*parts, None]:
        if isinstance(part, Reasoning):
            thought += part.text
            continue
        if thought.strip():
            found.append(_fold("Reasoning", re.sub("^", "> ", thought.strip(), flags=re.MULTILINE)))
        thought = ""
        if isinstance(part, ToolCall):
            result = results.get(part.id)
            found.append(_fold(part.name, _code(part.arguments), *([_code(result.result)] if result else [])))
        elif isinstance(part, ToolResult) and part.id not in called_ids:
            found.append(_fold(part.id, _code(part.result)))
    return found


def _fold(title: str, *blocks: str) -> str:
    return "\n\n".join([f"<details><summary>{escape(title)}</summary>", *filter(None, blocks), "</details>"])


def _code(value: object) -> str:
    """A value as a block of code, whose fence is longer than any within."""
    if value is None:
        return ""
    language, text = "", value
    if not isinstance(text, str):
        language, text = "json", msgspec.json.format(msgspec.json.encode(value)).decode()
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _file(file: File) -> str:
    about = [file.media_type] if file.media_type else []
    about += [f"{file.size:,} bytes"] if file.size is not None else []
    image = "!" if file.media_type.startswith("image/") else ""
    return image + _link(called(file), file.url) + (f" ({', '.join(about)})" if about else "")


def _link(title: str, url: str) -> str:
    """A link whose title and address, which a model wrote, stay within it."""
    title = re.sub(r"([\\\[\]])", r"\\\1", " ".join(title.split()))
    address = re.sub(r"[\s()<>]", lambda found: quote(found[0]), url)
    return f"[{title}]({address})"
