"""The wire of `unbroken.v1`: every command, event, error code and close code, in one place.

Events are JSON objects with a `type`. The ones that were logged also carry the `cursor` after them: a
client that presents it again, to any server, continues exactly there. Workers encode an event once; its
bytes are what Redis stores and what clients read, only the cursor is put in front at the edge.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, TypeAlias

import msgspec

from unbroken.errors import ProtocolViolation
from unbroken.types import Feedback, Message, Part, Policy

SUBPROTOCOL = "unbroken.v1"
TOKEN_SUBPROTOCOL = "unbroken.token."  # noqa: S105 - a name, not a secret
"""A client that cannot set headers may offer `unbroken.token.<token>` beside the subprotocol."""


# Commands: client to server ------------------------------------------------------------------------


class MessageSend(msgspec.Struct, frozen=True, tag="message.send"):
    """Asks for a reply. The same `id` may be sent any number of times and counts once.

    Attributes:
        replaces: a message of the user's that this one is another version of: the same text for another reply, or
            another text. Any version may be named; what is accepted names the first.
        answers: the reply whose question this message answers; refused if that is not open. `-`: none. Without it, a
            message answers the open question if there is one.
        policy: what becomes of a reply that is running: the message waits for it (queue), stops it and all that wait
            (interrupt), is answered together with them (merge), or is refused (reject). Without it, the bot's.
    """

    id: str
    text: str
    replaces: str | None = None
    answers: str | None = None
    policy: Policy | None = None


class ReplyCancel(msgspec.Struct, frozen=True, tag="reply.cancel"):
    """Stops the reply to a message, running or still waiting."""

    message_id: str


class Resume(msgspec.Struct, frozen=True, tag="resume"):
    """Continues after a cursor; without one the answer is a snapshot."""

    cursor: str | None = None


class MessageEdit(msgspec.Struct, frozen=True, tag="message.edit"):
    """Gives a message that still waits another text, at its place in the order."""

    message_id: str
    text: str


class MessageWithdraw(msgspec.Struct, frozen=True, tag="message.withdraw"):
    """Takes back a message that still waits. Its outcome is `reply.cancelled`, at its place in the order."""

    message_id: str


class MessageSendNow(msgspec.Struct, frozen=True, tag="message.send_now"):
    """Makes a message that still waits the next one, and stops the running reply."""

    message_id: str


class MessageFeedback(msgspec.Struct, frozen=True, tag="message.feedback"):
    """Stores a verdict with a committed reply; null takes it back."""

    message_id: str
    value: Feedback | None = None


class SessionRename(msgspec.Struct, frozen=True, tag="session.rename"):
    """Gives the session another name."""

    name: str


Command: TypeAlias = (
    MessageSend
    | ReplyCancel
    | Resume
    | MessageEdit
    | MessageWithdraw
    | MessageSendNow
    | MessageFeedback
    | SessionRename
)


# Events: server to client --------------------------------------------------------------------------


class SessionInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who this connection belongs to.

    Attributes:
        bot: which of the deployment's bots answers; empty: the first.
    """

    id: str
    name: str
    session_start: str
    bot: str = ""


class Limits(msgspec.Struct, frozen=True):
    """What the server accepts.

    Attributes:
        message_bytes: longest message, in bytes of UTF-8.
        inbox: how many messages may wait in one session.
        session_ttl: seconds without activity after which the session is deleted; 0 = never.
    """

    message_bytes: int
    inbox: int
    session_ttl: int


class SessionReady(msgspec.Struct, frozen=True, omit_defaults=True, tag="session.ready"):
    """The first event of every connection. Not logged.

    Attributes:
        acknowledges: whether each `message.send` is answered with `message.acknowledged`, or with an error.
    """

    session: SessionInfo
    limits: Limits
    acknowledges: bool = False


class Snapshot(msgspec.Struct, frozen=True, omit_defaults=True, tag="snapshot"):
    """Replaces everything the client knows, and sets its cursor, possibly backwards.

    What a running reply already said follows as ordinary events. Messages come in the order in which they
    were stored; `turn` and `reply_to` pair questions and answers. `name` is the session's, which may have changed.
    """

    messages: list[Message]
    cursor: str = ""
    name: str = ""


class MessageAccepted(msgspec.Struct, frozen=True, omit_defaults=True, tag="message.accepted"):
    """The message is stored and will get exactly one outcome. Logged."""

    message: Message
    cursor: str = ""


class MessageAcknowledged(msgspec.Struct, frozen=True, tag="message.acknowledged"):
    """As many replicas as configured have the message: a failover does not lose it. To its sender. Not logged."""

    message_id: str


class ReplyStarted(msgspec.Struct, frozen=True, omit_defaults=True, tag="reply.started"):
    """An attempt to answer begins; `text` and `parts` replace whatever an earlier attempt showed. Logged."""

    turn: int
    message_id: str
    attempt: int
    text: str
    cursor: str = ""
    parts: list[Part] = []


class ReplyDelta(msgspec.Struct, frozen=True, omit_defaults=True, tag="reply.delta"):
    """The next piece of text. Logged."""

    turn: int
    text: str
    cursor: str = ""


class ReplyPart(msgspec.Struct, frozen=True, omit_defaults=True, tag="reply.part"):
    """Something other than text: reasoning, a tool call, a source. Logged."""

    turn: int
    part: Part
    cursor: str = ""


class ReplyCompleted(msgspec.Struct, frozen=True, omit_defaults=True, tag="reply.completed"):
    """The whole answer, committed. Logged."""

    message: Message
    cursor: str = ""


class ReplyFailed(msgspec.Struct, frozen=True, omit_defaults=True, tag="reply.failed"):
    """No answer, committed: `message.error` says why, `message.msg` is what had been said. Logged."""

    message: Message
    cursor: str = ""


class ReplyCancelled(msgspec.Struct, frozen=True, omit_defaults=True, tag="reply.cancelled"):
    """Stopped on request, committed: `message.msg` is what had been said. Logged."""

    message: Message
    cursor: str = ""


class MessageEdited(msgspec.Struct, frozen=True, omit_defaults=True, tag="message.edited"):
    """A waiting message has another text. Logged as a change."""

    message: Message
    cursor: str = ""


class MessageWithdrawn(msgspec.Struct, frozen=True, omit_defaults=True, tag="message.withdrawn"):
    """A waiting message was taken back. Logged as a change."""

    message_id: str
    turn: int
    cursor: str = ""


class QueueChanged(msgspec.Struct, frozen=True, omit_defaults=True, tag="queue.changed"):
    """Waiting messages changed places: these now have these turns. Logged as a change."""

    messages: list[Message]
    cursor: str = ""


class FeedbackGiven(msgspec.Struct, frozen=True, omit_defaults=True, tag="message.feedback"):
    """A reply was judged, or the verdict taken back. Logged as a change."""

    message_id: str
    value: Feedback | None
    cursor: str = ""


class SessionRenamed(msgspec.Struct, frozen=True, omit_defaults=True, tag="session.renamed"):
    """The session has another name. Logged as a change."""

    name: str
    cursor: str = ""


class Error(msgspec.Struct, frozen=True, omit_defaults=True, tag="error"):
    """A command was refused, or the connection is about to close. Not logged.

    Attributes:
        message_id: the message that it is about, if any.
        retry_after: seconds after which the same command may succeed.
        reference: quote it to the operator to find the log line.
    """

    code: str
    message: str
    message_id: str | None = None
    retry_after: float | None = None
    reference: str | None = None


class Reconnect(msgspec.Struct, frozen=True, tag="reconnect"):
    """This server is about to stop; connect again (any server) after `after` seconds. Not logged."""

    after: float


Event: TypeAlias = (
    SessionReady
    | Snapshot
    | MessageAccepted
    | MessageAcknowledged
    | ReplyStarted
    | ReplyDelta
    | ReplyPart
    | ReplyCompleted
    | ReplyFailed
    | ReplyCancelled
    | MessageEdited
    | MessageWithdrawn
    | QueueChanged
    | FeedbackGiven
    | SessionRenamed
    | Error
    | Reconnect
)


# Codes ---------------------------------------------------------------------------------------------


class ErrorRow(NamedTuple):
    """One row of the table of error codes."""

    http: int
    retry: bool
    meaning: str


ERRORS: dict[str, ErrorRow] = {
    "bad_request": ErrorRow(400, False, "The command is not in the protocol."),
    "bad_message": ErrorRow(422, False, "The message is empty, too long, or not text."),
    "unauthorized": ErrorRow(403, False, "The token is missing or opens no session."),
    "unknown_message": ErrorRow(404, False, "No accepted message has this id."),
    "not_waiting": ErrorRow(
        409, False, "Too late to change the message or to answer the question, or too early to judge a reply."
    ),
    "session_gone": ErrorRow(410, False, "The session expired or was deleted; create a new one."),
    "session_full": ErrorRow(409, False, "The session holds as many messages as it may; create a new one."),
    "busy": ErrorRow(429, True, "Too many messages wait in this session, or it takes none during a reply."),
    "rate_limited": ErrorRow(429, True, "Too many new sessions or sockets from one place."),
    "unavailable": ErrorRow(503, True, "The store cannot be reached or cannot write now; nothing was lost."),
    "unacknowledged": ErrorRow(503, True, "Stored, but not yet as safely as configured; send the same id again."),
    "internal": ErrorRow(500, True, "A defect of the server; the reference finds it in the log."),
}


class CloseCode(IntEnum):
    """Why the server closed a WebSocket. 4000 to 4499: do not reconnect; everything else: do."""

    NORMAL = 1000
    POLICY = 1008
    """No token: the connection was never allowed."""
    TOO_BIG = 1009
    INTERNAL = 1011
    RESTART = 1012
    """The server is being replaced; reconnect, to any server."""
    TRY_LATER = 1013
    """The store does not answer; reconnect after a while."""
    SESSION_GONE = 4000
    BAD_COMMAND = 4001
    SLOW_CONSUMER = 4500
    """The client did not read for too long; it reconnects with its cursor and misses nothing."""

    @property
    def reconnect(self) -> bool:
        """Whether a client should connect again with its cursor."""
        return self.value not in (1000, 1008, 1009) and not 4000 <= self.value < 4500


# Bytes ---------------------------------------------------------------------------------------------

_encoder = msgspec.json.Encoder()
_commands: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_events: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(item: Event | Command) -> bytes:
    """Encodes an event or a command as one JSON object."""
    return _encoder.encode(item)


def decode_command(raw: str | bytes) -> Command:
    """Reads one command of a client.

    Raises:
        ProtocolViolation: with a sentence that says what is wrong.
    """
    try:
        return _commands.decode(raw)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ProtocolViolation(f"not a command of {SUBPROTOCOL}: {error}") from None


def decode_event(raw: str | bytes) -> Event:
    """Reads one event of a server.

    Raises:
        ProtocolViolation: if it is no event of this protocol.
    """
    try:
        return _events.decode(raw)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ProtocolViolation(f"not an event of {SUBPROTOCOL}: {error}") from None


def with_cursor(frame: bytes, cursor: bytes) -> bytes:
    """Puts the cursor in front of the other members of an encoded event, without decoding it."""
    return b'{"cursor":"%b",%b' % (cursor, frame[1:])
