"""What a model server is asked, in the words that it takes.

Servers that speak OpenAI's protocol differ in what they know of it. Each request says all that is wanted; what a server
refuses by name is said in another way, or not any more. What was learned so holds for the life of the bot.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from unbroken.models.trouble import ModelError

logger = logging.getLogger("unbroken.models")

_NEWER = (".openai.com", ".azure.com")
"""Hosts whose newest models know `max_completion_tokens` alone; elsewhere `max_tokens` is known best."""


class Wishes(NamedTuple):
    """What a bot's owner decided about every answer.

    Attributes:
        temperature: None leaves it to the server.
        max_tokens: longest answer, in tokens; None leaves it to the server.
    """

    temperature: float | None = None
    max_tokens: int | None = None


class Request:
    """Writes requests, and learns how.

    Args:
        url: of the server.
        wishes: what every request says.
    """

    def __init__(self, url: str, wishes: Wishes) -> None:
        newer = f".{urlsplit(url).hostname}".endswith(_NEWER)
        self._limits = ["max_completion_tokens", "max_tokens"] if newer else ["max_tokens", "max_completion_tokens"]
        self._wishes = wishes
        self._unknown: set[str] = set()

    def chat(self, model: str, messages: list[Any], *, said: float = 0.0, **more: Any) -> dict[str, Any]:
        """For a streamed chat completion.

        Args:
            model: its name.
            messages: the whole conversation.
            said: tokens of the answer that were said already.
            more: what the request says beside the usual.
        """
        return self._known(
            {
                "model": model,
                "messages": messages,
                "stream": True,
                "stream_options": {"include_usage": True},
                **self._wanted(self._limits[0], said),
                **more,
            }
        )

    def response(self, model: str, messages: list[Any], system: str | None, *, said: float = 0.0) -> dict[str, Any]:
        """For a streamed response that goes on in the background; arguments as for `chat`."""
        return self._known(
            {
                "model": model,
                "input": messages,
                **({"instructions": system} if system else {}),
                "stream": True,
                "background": True,
                "store": True,
                "reasoning": {"summary": "auto"},
                **self._wanted("max_output_tokens", said),
            }
        )

    def learn(self, trouble: ModelError) -> bool:
        """Whether the same wish in other words may succeed where the last request was refused."""
        if trouble.code != "model_refused":
            return False
        refusal = str(trouble)
        if self._wishes.max_tokens and len(self._limits) > 1 and self._limits[0] in refusal:
            del self._limits[0]
            return True
        for fields in _OPTIONAL:
            if not self._unknown.issuperset(fields) and any(field in refusal for field in fields):
                self._unknown.update(fields)
                logger.warning("the model's server refuses %s, so it is not sent any more: %s", fields[0], refusal)
                return True
        return False

    def _wanted(self, limit: str, said: float) -> dict[str, Any]:
        wanted: dict[str, Any] = {}
        if self._wishes.temperature is not None:
            wanted["temperature"] = self._wishes.temperature
        if self._wishes.max_tokens is not None:
            wanted[limit] = max(1, self._wishes.max_tokens - round(said))
        return wanted

    def _known(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in fields.items() if name not in self._unknown}


_OPTIONAL = (("stream_options", "include_usage"), ("background", "store"), ("reasoning", "summary"), ("temperature",))
"""What an answer can do without. Fields that are given up together are listed together."""
