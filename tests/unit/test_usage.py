"""Tokens of a session."""

from __future__ import annotations

from typing import Any

import pytest

from unbroken.types import Data, Message, Part, Reasoning, Role
from unbroken.usage import Usage, usage


def reply(turn: int, *parts: Part) -> Message:
    return Message(f"m{turn}.reply", "", Role.ASSISTANT, "", turn, reply_to=f"m{turn}", parts=list(parts))


def took(read: Any, said: Any) -> Data:
    return Data("usage", {"input_tokens": read, "output_tokens": said})


def test_replies_are_summed_up_and_counted() -> None:
    messages = [Message("m1", "?", Role.USER, "", 1), reply(1, Reasoning("hm"), took(10, 1)), reply(2)]
    messages.append(reply(3, took(100, 20), Data("usage", {"input_tokens": 1}), Data("state", {"input_tokens": 9})))
    assert usage(messages) == Usage(111, 21, 2)


def test_nobody_who_says_so_is_none() -> None:
    assert usage([reply(1), reply(2, Data("state", 1))]) is None


@pytest.mark.parametrize("value", [None, "12", {"input_tokens": "12"}, {"input_tokens": -1}, {"output_tokens": True}])
def test_what_is_no_number_of_tokens_counts_as_none(value: Any) -> None:
    assert usage([reply(1, Data("usage", value)), reply(2, took(2, 1))]) == Usage(2, 1, 2)
