"""Makes one text of the several messages that an agent may say on its way to the answer."""

from __future__ import annotations

from unbroken.turn import Turn

_PAUSE = "\n\n"
_EARLIER = object()


class Narration:
    """Sets what different messages say apart, by an empty line: an agent says "Let me look." before it uses a tool.

    Messages that an earlier attempt said have ended; what is not shown needs no pause behind it.
    """

    __slots__ = ("_message", "_turn")

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._message: object = _EARLIER if turn.partial else None

    def say(self, text: str, message: object) -> str:
        """The next piece of text, which belongs to a message, with the pause that it may need before it."""
        if self._turn.replaying:
            return text
        before, self._message = self._message, message
        return text if before in (None, message) else _PAUSE + text
