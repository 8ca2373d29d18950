"""What each command of the protocol does in the store and in the queue."""

from __future__ import annotations

from unbroken.backend import Backend
from unbroken.protocol import (
    Command,
    MessageEdit,
    MessageFeedback,
    MessageSend,
    MessageSendNow,
    MessageWithdraw,
    ReplyCancel,
    Resume,
    SessionRename,
)
from unbroken.types import Policy


async def perform(backend: Backend, session: str, command: Command, policy: Policy = "queue") -> None:
    """Carries out a command on a session; what comes of it reaches everyone who watches as an event.

    A `Resume` changes nothing but the connection that it came from, and nothing here. `policy` holds for a message that
    does not bring its own.

    Raises:
        Refused: the command cannot be carried out; nothing was changed.
        Unavailable: Redis does not answer; the command may be sent again.
    """
    queue, store = backend.queue, backend.store
    match command:
        case MessageSend() as sent:
            await queue.accept(
                session,
                sent.id,
                sent.text,
                replaces=sent.replaces,
                answers=sent.answers,
                policy=sent.policy or policy,
            )
        case MessageEdit(message_id=message_id, text=text):
            await queue.edit(session, message_id, text)
        case MessageWithdraw(message_id=message_id):
            await queue.withdraw(session, message_id)
        case MessageSendNow(message_id=message_id):
            await queue.send_now(session, message_id)
        case ReplyCancel(message_id=message_id):
            await queue.cancel(session, message_id)
        case MessageFeedback(message_id=message_id, value=value):
            await store.feedback(session, message_id, value)
        case SessionRename(name=name):
            await store.rename(session, name)
        case Resume():
            pass
