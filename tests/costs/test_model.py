"""What reading a model's stream costs, beside the library that reads the socket."""

from __future__ import annotations

from tests.costs.budget import at_most
from tests.costs.calls import Calls
from unbroken.models.completion import Completion

TOKENS = 64

TOKEN = 7.0
"""Calls for a token that comes alone, from its bytes to its text."""

GROUPED = 3.2
"""Calls for each of many tokens that come together."""

EVENT = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":" token"},"finish_reason":null}]}\n\n'


def test_a_token_that_comes_alone() -> None:
    completion = Completion()
    with Calls() as calls:
        for _ in range(TOKENS):
            assert completion.feed(EVENT) == [" token"]
    at_most("a token, in calls,", calls.total / TOKENS, TOKEN)


def test_tokens_that_come_together() -> None:
    completion = Completion()
    with Calls() as calls:
        assert completion.feed(EVENT * TOKENS) == [" token"] * TOKENS
    at_most("a token among many, in calls,", calls.total / TOKENS, GROUPED)
