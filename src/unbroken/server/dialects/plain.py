"""Plain text: a text is a message, the reply comes as one text once it is committed. For Postman, websocat, wscat.

A question has its options behind it, `Delete them? [yes / no]`, and the next text answers it. A reply that gave way to
one for several messages is not written.

Nothing of the past is sent on connecting, except the replies that were still to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

import msgspec

from unbroken.cursor import Cursor
from unbroken.log import Entry, Kind
from unbroken.protocol import Command, Error, MessageSend, ReplyCancelled, ReplyCompleted, ReplyFailed, decode_event
from unbroken.server.dialects import Notice
from unbroken.server.viewer import Replaced
from unbroken.types import Message, Question, Role, Status

_messages = msgspec.json.Decoder(list[Message])


class Plain:
    """Remembers the newest turn asked and the newest answered.

    Outcomes are committed in the order of their turns, so one number says which of them this client has read: a
    snapshot in the middle of a connection brings exactly the replies that it replaced.
    """

    def __init__(self) -> None:
        self._asked = 0
        self._answered: int | None = None

    @property
    def unfinished(self) -> bool:
        """Whether a reply is still to come: this client has no cursor to find it again."""
        return self._asked > (self._answered or 0)

    def command(self, raw: str) -> Command:
        """Takes any text as a new message."""
        return MessageSend(uuid4().hex, raw)

    def notice(self, notice: Notice) -> bytes | None:
        """Writes an error as one line."""
        return f"[error] {notice.message}".encode() if isinstance(notice, Error) else None

    def shown(self, entry: Entry, cursor: Cursor) -> bytes | None:
        """Writes the text of an outcome."""
        self._asked = max(self._asked, cursor.turn.first)
        if entry.kind is not Kind.END:
            return None
        event = decode_event(entry.frame)
        assert isinstance(event, ReplyCompleted | ReplyFailed | ReplyCancelled)
        self._answered = event.message.turn
        return None if event.message.merged_into else _text(event.message)

    def replaced(self, snapshot: Replaced) -> Sequence[bytes]:
        """Writes the replies that were committed since the last one that was written."""
        replies = [message for message in _messages.decode(snapshot.messages) if message.role is Role.ASSISTANT]
        before, self._answered = self._answered, max((reply.turn for reply in replies), default=0)
        self._asked = snapshot.cursor.turn.first
        if before is None:
            return []
        return [_text(reply) for reply in replies if reply.turn > before and not reply.merged_into]


def _text(reply: Message) -> bytes:
    if reply.status is Status.FAILED and reply.error is not None:
        return reply.error.message.encode()
    questions = (part for part in reversed(reply.parts) if isinstance(part, Question))
    question = next(questions, None)  # it stands at the end of the text
    options = f" [{' / '.join(question.options)}]" if question and question.options else ""
    return f"{reply.msg}{options}".encode()
