"""How a model goes on with an answer that another worker had begun.

The reader has the beginning already, and was told that it stays. So the model is asked for the rest alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from unbroken.turn import Turn
from unbroken.types import Data, Piece, Reasoning


class Way(Enum):
    """How a server is asked for the rest of an answer."""

    VLLM = "vllm"
    """The beginning is the last message, and two fields say that it is to be continued."""

    PREFILL = "prefill"
    """The beginning is the last message: the server continues what the assistant said last."""

    ASK = "no"
    """The beginning is quoted, and the model is asked to go on. Any model understands it, but the seam may show, so
    this is the last resort: a bot that knows nothing better declares that it does not continue."""


_OWNERS = {"vllm": Way.VLLM, "sglang": Way.VLLM, "llamacpp": Way.PREFILL}
"""Servers that can, by what their list of models says of itself."""

_NEVER = frozenset({"api.openai.com", "router.huggingface.co"})
"""Hosts that cannot, and need not be asked."""

_PREFIX = (".deepseek.com", ".mistral.ai")
"""Hosts that want a mark on the message that is to be continued."""

_GO_ON = (
    "Your answer was cut off. Go on with it exactly where it stopped: begin with the very next character, repeat "
    "nothing of it, and do not mention the interruption."
)


def way_at(url: str) -> Way | None:
    """How the server at an address goes on, if its address tells."""
    host = urlsplit(url).hostname
    if host == "api.deepseek.com" and url.endswith("/beta"):
        return Way.PREFILL
    return Way.ASK if host in _NEVER else None


def way_of(owner: str) -> Way:
    """How the server goes on whose models belong to `owner`."""
    return _OWNERS.get(owner, Way.ASK)


def answered(turn: Turn) -> bool:
    """Whether an earlier attempt came to the very end, and only its outcome was not committed."""
    return any(isinstance(part, Data) and part.name == "usage" for part in turn.parts)


def reasoned(turn: Turn) -> str:
    """The reasoning that earlier attempts showed."""
    return "".join(part.text for part in turn.parts if isinstance(part, Reasoning))


def go_on(way: Way, url: str, said: list[Any], partial: str, reasoning: str = "") -> dict[str, Any]:
    """Puts the beginning of the answer behind the conversation `said`; returns what the request says beside it."""
    beginning: dict[str, Any] = {"role": "assistant", "content": partial}
    said.append(beginning)
    if way is Way.ASK:
        said.append({"role": "user", "content": _GO_ON})
        return {}
    if reasoning:  # a model that reasons goes on behind its reasoning, and need not do it again
        beginning["reasoning_content"] = reasoning
        if way is Way.VLLM:
            beginning["reasoning"] = reasoning  # as its newer versions call it
    if way is Way.VLLM:
        return {"continue_final_message": True, "add_generation_prompt": False}
    if f".{urlsplit(url).hostname}".endswith(_PREFIX):
        beginning["prefix"] = True
    return {}


class Rest:
    """Takes from the rest of an answer what its reader needs: its text, but no reasoning once more.

    Args:
        behind_text: the server continues a text. It may then take what follows for reasoning, because it saw no end
            of that. So reasoning is held back, and turns out to be the text if no other comes.
    """

    def __init__(self, *, behind_text: bool) -> None:
        self._held: list[str] | None = [] if behind_text else None

    def take(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """What to show of these pieces."""
        for piece in pieces:
            if not isinstance(piece, Reasoning):
                self._held = None
                yield piece
            elif self._held is not None:
                self._held.append(piece.text)

    def end(self) -> str:
        """The text that was held back, once nothing more comes."""
        return "".join(self._held or ())
