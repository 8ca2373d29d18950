"""What a user sees: every word is checked, and the time that nothing moved is measured."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.e2e.bots import answer


class Screen:
    """One message after the other and its reply, as a page shows them that knows only the documented rules.

    Raises AssertionError at an event that is doubled, at a word that is not the next, and at every error.

    Args:
        name: begins the id of each message.
        pace: words of each reply, and the ms between them.

    Attributes:
        cursor: for the next connection.
        replies: how many were read to their end.
        restarts: how often a reply began anew.
        longest: the longest time, in seconds, that nothing moved since `begin`.
    """

    def __init__(self, name: str, pace: str) -> None:
        self.name = name
        self.cursor = ""
        self.replies = 0
        self.restarts = 0
        self.longest = 0.0
        self._pace = pace
        self._seen: set[str] = set()
        self._said = ""
        self._last: int | None = None
        self._moved = asyncio.get_running_loop().time()

    @property
    def message(self) -> tuple[str, str]:
        """Id and text of the message that is being answered."""
        id_ = f"{self.name}m{self.replies}"
        return id_, f"{id_} {self._pace}"

    @property
    def over(self) -> bool:
        """Whether the last reply was read."""
        return self._last is not None and self.replies >= self._last

    def finish(self) -> None:
        """Makes the reply that runs now the last."""
        self._last = self.replies + 1

    def begin(self) -> None:
        """Forgets the longest wait so far."""
        self.longest = 0.0

    def moved(self) -> None:
        """Something new is to be seen."""
        now = asyncio.get_running_loop().time()
        self.longest = max(self.longest, now - self._moved)
        self._moved = now

    def take(self, event: dict[str, Any]) -> bool:
        """Takes an event; returns whether the message has its outcome, and the next one may be sent."""
        kind, cursor, before = event["type"], event.get("cursor", ""), self.replies
        assert kind not in ("error", "reply.failed", "reply.cancelled"), event
        if kind == "snapshot":
            self._seen.clear()
            self._said = ""
            for message in event["messages"]:
                self._outcome(message)
        assert not cursor or cursor not in self._seen, f"twice: {event}"
        self._seen.add(cursor)
        self.cursor = cursor or self.cursor
        if kind == "reply.started":
            self.restarts += not event["text"].startswith(self._said)
            self._said = event["text"]
        elif kind == "reply.delta":
            self._said += event["text"]
        elif kind == "reply.completed":
            self._outcome(event["message"])
        assert answer(self.message[1]).startswith(self._said), f"lost or doubled: {self._said[-40:]!r}"
        self.moved()
        return self.replies > before

    def _outcome(self, message: dict[str, Any]) -> None:
        id_, text = self.message
        if message.get("reply_to") == id_:
            assert message["msg"] == answer(text)
            assert answer(text).startswith(self._said)
            self.replies += 1
            self._said = ""
