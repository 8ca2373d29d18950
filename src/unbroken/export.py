"""A session as a Markdown document."""

from __future__ import annotations

from unbroken.types import Message, Role, Session, Source, Status, in_view

_ENDED = {Status.CANCELLED: "stopped", Status.FAILED: "failed"}


def markdown(session: Session) -> str:
    """Writes a session as people see it: answers behind their questions, nothing that was replaced or withdrawn."""
    pieces = [f"# {session.name}", f"*{session.session_start}*", *map(_message, in_view(session.messages))]
    return "\n\n".join(pieces) + "\n"


def _message(message: Message) -> str:
    who = "You" if message.role is Role.USER else "Assistant"
    how = f", {_ENDED[message.status]}" if message.status in _ENDED else ""
    pieces = [f"**{who}** ({message.timestamp}{how})", message.msg]
    if message.error is not None:
        pieces.append(f"> {message.error.message}")
    pieces += [f"- [{part.title or part.url}]({part.url})" for part in message.parts if isinstance(part, Source)]
    return "\n\n".join(piece for piece in pieces if piece)
