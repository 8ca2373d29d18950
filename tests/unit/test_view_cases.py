"""What is shown of a conversation is the same on the page as everywhere else: both are held to the same cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from unbroken.types import Message, in_view

CASES = json.loads((Path(__file__).parents[2] / "web/client/testing/views.json").read_text())
"""Also read by web/client/view.test.ts."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_shown(case: dict[str, Any]) -> None:
    messages = msgspec.convert(case["messages"], list[Message])
    assert [message.id for message in in_view(messages)] == case["shown"]
