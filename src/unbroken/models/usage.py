"""How many tokens a reply took, said the same way by every adapter."""

from __future__ import annotations

from collections.abc import Iterator

from unbroken.types import Data


class Usage:
    """Counts the tokens of all requests to models that one reply needs."""

    __slots__ = ("_input", "_output")

    def __init__(self) -> None:
        self._input = 0
        self._output = 0

    def add(self, input_tokens: int | None, output_tokens: int | None) -> None:
        """Adds what one request took, as far as it is known."""
        self._input += input_tokens or 0
        self._output += output_tokens or 0

    def parts(self) -> Iterator[Data]:
        """The sum as the last part of the reply; nothing if no model told."""
        if self._input or self._output:
            yield Data("usage", {"input_tokens": self._input, "output_tokens": self._output})
