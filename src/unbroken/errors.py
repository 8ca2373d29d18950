"""Every exception that Unbroken raises on purpose.

```
UnbrokenError
├── ConfigurationError     the deployment cannot work like this; the message says what to change
├── Unavailable            Redis does not answer or cannot write now; nothing was lost, try again
│   ├── Unacknowledged     Redis has it, but not as safely as `ack` demands; send the same id again
│   ├── Stopping           this server is being replaced; another one answers now
│   └── Unreachable        no server answers at all at the addresses that a client was given
├── Refused                the request itself was refused, for good or for `retry_after` seconds
│   ├── SessionGone        the session expired, was deleted or never existed
│   ├── NotAuthenticated   the token does not open this session
│   ├── InboxFull          too many messages wait in this session
│   ├── SessionFull        the session holds as many messages as it may
│   ├── MessageRefused     the message cannot be stored (empty, too long, not text)
│   ├── UnknownMessage     no accepted message has this id
│   ├── NotWaiting         too late to change the message, or too early to judge its reply
│   ├── RateLimited        too many new sessions from this address
│   └── ProtocolViolation  the client sent something that is not in the protocol
├── Closed                 the chat was closed by its own program, or its server ended it for good
├── LeaseLost              this worker no longer owns the reply; another one does
└── BotError               the bot or its model failed; `public` is what the user may read
```

Every `Refused` carries the `code` that clients see. Which codes exist, their HTTP status and whether
trying again helps is one table in `unbroken.protocol`.
"""

from __future__ import annotations


class UnbrokenError(Exception):
    """The root: catch this to catch everything Unbroken raises on purpose."""


class ConfigurationError(UnbrokenError):
    """The deployment cannot work like this. The message is one sentence that says what to change."""


class Unavailable(UnbrokenError):
    """Redis does not answer, or cannot write now. Every call that raises it may be repeated as it was."""

    code = "unavailable"
    retry_after = 1.0


class Unacknowledged(Unavailable):
    """Redis took the message, but fewer replicas than `ack` demands confirmed it in time.

    Sending the same message id again is safe and confirms it.
    """

    code = "unacknowledged"


class Stopping(Unavailable):
    """This server lets nobody in any more. The same request to another one may succeed at once."""

    retry_after = 0.0


class Unreachable(Unavailable):
    """No server answers at the addresses that a client was given: perhaps none runs there."""


class Refused(UnbrokenError):
    """The request was refused and changed nothing.

    Attributes:
        code: the error code of the protocol.
        retry_after: seconds after which the same request may succeed, or None if it never will.
    """

    code = "bad_request"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SessionGone(Refused):
    """The session expired, was deleted or never existed."""

    code = "session_gone"

    def __init__(self, message: str = "the session expired or was deleted; create a new one") -> None:
        super().__init__(message)


class NotAuthenticated(Refused):
    """The token does not open this session."""

    code = "unauthorized"


class InboxFull(Refused):
    """As many messages wait in this session as its inbox may hold."""

    code = "busy"


class SessionFull(Refused):
    """The session holds as many messages as it may; a new session continues."""

    code = "session_full"


class MessageRefused(Refused):
    """The message cannot be stored: empty, too long, or not text."""

    code = "bad_message"


class UnknownMessage(Refused):
    """No accepted message of this session has this id."""

    code = "unknown_message"


class NotWaiting(Refused):
    """The message cannot be changed any more because its reply began, or its reply cannot be judged yet."""

    code = "not_waiting"


class RateLimited(Refused):
    """Too many new sessions or sockets from one place."""

    code = "rate_limited"


class ProtocolViolation(Refused):
    """The client sent something that is not in the protocol."""

    code = "bad_request"


class Closed(UnbrokenError):
    """The chat was closed, by its own program or for good by its server; nothing more will arrive."""


class LeaseLost(UnbrokenError):
    """This worker no longer owns the reply: Redis refused its write because a newer attempt exists."""


class BotError(UnbrokenError):
    """The bot or its model failed, and the reply is committed as failed.

    Args:
        message: for the operator's log; may hold details.
        public: what the user reads. It must not hold secrets.
        code: a short machine-readable reason, stored with the reply.
    """

    def __init__(self, message: str, *, public: str | None = None, code: str = "bot_error") -> None:
        super().__init__(message)
        self.public = public or "The reply failed. Please try again."
        self.code = code
