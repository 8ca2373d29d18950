"""What the client still owes: messages without an outcome, and cancellations that nobody confirmed.

Pure: it decides what may be sent at a given time, and never sends. A message stays until its outcome arrives, and, at
a server that says so, until it is acknowledged: replicas have it, and no failover loses it any more. It is
sent again, under the same id, on every new connection, when the server asks for patience, and when it says nothing; the
server counts it once. Only one message at a time may be unconfirmed: if the server refuses it for now, none behind it
can overtake.
"""

from __future__ import annotations

from unbroken.client.transcript import Transcript
from unbroken.protocol import Command, MessageSend, ReplyCancel

PATIENCE = 30.0
"""Longest pause, in seconds, before a message goes again if the server named none."""

ANSWER = 10.0
"""Seconds after which a message goes again if the server said nothing at all. It may have taken the message and lost it
in a failover, before anybody was told: then the connection lives, and nothing else would ever ask."""


class _Owed:
    """A message whose outcome has not arrived, or a cancellation that nobody confirmed."""

    __slots__ = ("accepted", "answer_by", "answered", "command", "not_before", "safe", "sent", "tries")

    def __init__(self, command: MessageSend | ReplyCancel) -> None:
        self.command = command
        self.sent = False  # on this connection
        self.accepted = False
        self.answered = False
        self.safe = False
        self.not_before = 0.0
        self.answer_by = 0.0
        self.tries = 0

    def postpone(self, now: float, retry_after: float | None) -> None:
        self.sent = False
        self.not_before = now + (min(PATIENCE, 2.0**self.tries) if retry_after is None else retry_after)
        self.tries = min(self.tries + 1, 8)

    def take(self, now: float) -> bool:
        """True if it goes now, once."""
        if self.sent or now < self.not_before:
            return False
        self.sent = True
        self.answer_by = now + ANSWER
        return True


class Outbox:
    """Messages and cancellations in the order in which they were asked for."""

    def __init__(self) -> None:
        self._messages: dict[str, _Owed] = {}
        self._cancels: dict[str, _Owed] = {}
        self._acknowledges = False

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._messages

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: MessageSend) -> None:
        """Takes a message, behind those that wait already."""
        self._messages.setdefault(message.id, _Owed(message))

    def cancel(self, message_id: str) -> None:
        """Takes a cancellation; it goes once the server has its message."""
        self._cancels.setdefault(message_id, _Owed(ReplyCancel(message_id)))

    def connected(self, acknowledges: bool = False) -> None:
        """A new connection, to a server that acknowledges messages or does not: everything goes again."""
        self._acknowledges = acknowledges
        for owed in [*self._messages.values(), *self._cancels.values()]:
            owed.sent = False

    def accepted(self, message_id: str) -> None:
        """The server has the message: the next one may go."""
        if owed := self._messages.get(message_id):
            owed.accepted = True

    def acknowledged(self, message_id: str) -> None:
        """The message cannot be lost any more."""
        if owed := self._messages.get(message_id):
            owed.safe = True
            if owed.answered:
                self.settled(message_id)

    def safe(self, message_id: str) -> bool:
        """Whether the server has, or had, the message as safely as it ever says."""
        owed = self._messages.get(message_id)
        return owed is None or owed.safe or not self._acknowledges

    def settled(self, message_id: str) -> None:
        """The message has its outcome: nothing more is owed, once it is safe."""
        self._cancels.pop(message_id, None)
        if self.safe(message_id):
            self._messages.pop(message_id, None)
        else:
            self._messages[message_id].answered = True

    def refused(self, message_id: str) -> None:
        """The message will have no outcome: nothing is owed any more."""
        self._messages.pop(message_id, None)
        self._cancels.pop(message_id, None)

    def not_cancelled(self, message_id: str) -> None:
        """There is nothing to cancel."""
        self._cancels.pop(message_id, None)

    def replaces(self, message_id: str) -> bool:
        """Whether it is a message that names another, which the server may not know."""
        owed = self._messages.get(message_id)
        return owed is not None and isinstance(owed.command, MessageSend) and owed.command.replaces is not None

    def may_wait(self, message_id: str) -> bool:
        """Whether it goes again when the session is busy: not a message that asked to be refused then."""
        owed = self._messages.get(message_id)
        return owed is None or not isinstance(owed.command, MessageSend) or owed.command.policy != "reject"

    def postponed(self, message_id: str, now: float, retry_after: float | None) -> None:
        """The server cannot do it now: it goes again after so many seconds, and messages behind it wait."""
        for owed in (self._messages.get(message_id), self._cancels.get(message_id)):
            if owed:
                owed.postpone(now, retry_after)

    def compare(self, transcript: Transcript) -> None:
        """Learns from a snapshot what the server has, and what it lost."""
        known = {m.id for m in transcript.messages}
        done = {m.reply_to for m in transcript.messages}
        for message_id in [*self._messages, *self._cancels]:
            if message_id in done:
                self.settled(message_id)
        for message_id, owed in self._messages.items():
            if owed.accepted and message_id not in known:
                owed.sent = False  # a failover lost it
            owed.accepted = message_id in known
            owed.answered = message_id in done

    def due(self, now: float) -> tuple[list[Command], float | None]:
        """What goes now, and when to ask again (None: not before something changes)."""
        commands: list[Command] = []
        later: list[float] = []
        for owed in self._messages.values():
            if owed.sent and not owed.accepted and now >= owed.answer_by:
                owed.sent = False
            if owed.take(now):
                commands.append(owed.command)
            if not owed.sent:
                later.append(owed.not_before)
            if not owed.accepted:
                if owed.sent:
                    later.append(owed.answer_by)
                break
        for message_id, owed in self._cancels.items():
            message = self._messages.get(message_id)
            if message and not message.accepted:
                continue
            if owed.take(now):
                commands.append(owed.command)
            elif not owed.sent:
                later.append(owed.not_before)
        return commands, min(later, default=None)
