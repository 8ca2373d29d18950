"""What of a conversation a model is sent: all of it, or as much as fits.

How many tokens a text has only the model's tokenizer knows. Here it is estimated from the bytes of its UTF-8, and the
estimate is calibrated by what the server reports of each request.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from unbroken.models.trouble import ModelError
from unbroken.turn import Turn
from unbroken.types import Message, Role

Said = dict[str, str]
"""One message as it is sent: role and content."""

FRAME = 12
"""Bytes that a message counts for beside its text: the model reads who speaks, and where it ends."""

_PRIOR = (1000.0, 3000.0)
"""Tokens and bytes that an estimate begins with: three bytes a token, which is on the safe side for most languages."""

_MEMORY = 0.8
"""What each report leaves of those before it."""


class Estimate:
    """How many tokens texts have, for one model. Long prompts weigh more than short ones, new ones more than old."""

    def __init__(self) -> None:
        self._tokens, self._bytes = _PRIOR

    def tokens(self, size: int) -> float:
        """The tokens in so many bytes."""
        return size * self._tokens / self._bytes

    def learn(self, size: int, tokens: int | None) -> None:
        """Takes the server's word for a prompt of so many bytes; None if it gave none."""
        if tokens and size:
            self._tokens = self._tokens * _MEMORY + tokens
            self._bytes = self._bytes * _MEMORY + size


class Context:
    """Chooses what a model is sent.

    Args:
        system: the system prompt, which is always sent.
        limit: most tokens of the system prompt and the conversation together; None: no limit.
    """

    def __init__(self, system: str | None, limit: int | None) -> None:
        self.system = system
        self.estimate = Estimate()
        self._limit = limit

    def fit(self, turn: Turn) -> list[Said]:
        """The conversation up to the message to answer, without the oldest messages if it is too long.

        Replies without text are left out, and messages of one side that follow each other become one: many models
        insist on taking turns.

        Raises:
            ModelError: even the newest message alone is too long.
        """
        *earlier, newest = turn.messages
        if turn.text != newest.msg:  # several messages that are answered together
            while earlier and earlier[-1].role is Role.USER and earlier[-1].msg in turn.text:
                earlier.pop()
        kept = earlier if self._limit is None else self._newest(earlier, turn)
        return _taking_turns([*((message.role, message.msg) for message in kept), (newest.role, turn.text)])

    def _newest(self, earlier: Sequence[Message], turn: Turn) -> Sequence[Message]:
        """The last of the earlier messages, as many as fit, beginning with a question."""
        assert self._limit is not None
        used = size(turn.text) + (size(self.system) if self.system else 0)
        if (tokens := self.estimate.tokens(used)) > self._limit:
            raise ModelError(
                "message_too_long",
                f"the message has about {tokens:.0f} tokens with the system prompt; {self._limit} are allowed",
            )
        if turn.partial:
            used += size(turn.partial)
        first = len(earlier)
        while first and self.estimate.tokens(used := used + size(earlier[first - 1].msg)) <= self._limit:
            first -= 1
        while first < len(earlier) and earlier[first].role is Role.ASSISTANT:
            first += 1
        return earlier[first:]


def size(text: str) -> int:
    """The bytes that a message with this text counts for."""
    return FRAME + len(text.encode(errors="replace"))


def prompt_size(system: str | None, said: Sequence[Said]) -> int:
    """The bytes that a whole prompt counts for."""
    return sum(size(one["content"]) for one in said) + (size(system) if system else 0)


def _taking_turns(messages: Iterable[tuple[Role, str]]) -> list[Said]:
    said: list[Said] = []
    for role, text in messages:
        if said and said[-1]["role"] == role and text:
            said[-1]["content"] += f"\n\n{text}"
        elif text:
            said.append({"role": str(role), "content": text})
    return said
