"""A session as a Markdown document."""

from __future__ import annotations

from unbroken.types import Message, Role, Session, Source, Status

_ENDED = {Status.CANCELLED: "stopped", Status.FAILED: "failed"}


def markdown(session: Session) -> str:
    """Writes a session as people see it: answers behind their questions, nothing that was replaced or withdrawn."""
    hidden = {m.replaces for m in session.messages if m.replaces} | {m.id for m in session.messages if m.withdrawn}
    shown = [m for m in session.messages if m.id not in hidden and m.reply_to not in hidden]
    shown.sort(key=lambda m: (m.turn, m.role is Role.ASSISTANT))
    pieces = [f"# {session.name}", f"*{session.session_start}*", *map(_message, shown)]
    return "\n\n".join(pieces) + "\n"


def _message(message: Message) -> str:
    who = "You" if message.role is Role.USER else "Assistant"
    how = f", {_ENDED[message.status]}" if message.status in _ENDED else ""
    pieces = [f"**{who}** ({message.timestamp}{how})", message.msg]
    if message.error is not None:
        pieces.append(f"> {message.error.message}")
    pieces += [f"- [{part.title or part.url}]({part.url})" for part in message.parts if isinstance(part, Source)]
    return "\n\n".join(piece for piece in pieces if piece)
