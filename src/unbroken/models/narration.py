"""Makes one text of the several messages that an agent may say on its way to the answer."""

from __future__ import annotations

_PAUSE = "\n\n"


class Narration:
    """Sets what different messages say apart, by an empty line: an agent says "Let me look." before it uses a tool."""

    __slots__ = ("_message",)

    def __init__(self) -> None:
        self._message: object = None

    def say(self, text: str, message: object) -> str:
        """The next piece of text, which belongs to a message, with the pause that it may need before it."""
        before, self._message = self._message, message
        return text if before in (None, message) else _PAUSE + text
