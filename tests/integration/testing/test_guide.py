"""The guide on testing, with a bot that fits it."""

from __future__ import annotations

import asyncio
import inspect
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from unbroken import Turn

GUIDE = Path(__file__).parents[3] / "docs/how-to/testing.md"

orders: list[str] = []


async def bot(turn: Turn) -> AsyncIterator[str]:
    if "pizza" not in turn.text:
        await asyncio.sleep(0.01)
        yield "Hello. I sell pizza."
        return
    size = await turn.ask("Which size?", ["Small", "Large"])
    await turn.once("order", lambda: orders.append(size))
    yield f"One pizza, {size.lower()}, for {turn.session_name}."


@pytest.fixture
def guide(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    shop: Any = ModuleType("mybot")
    shop.bot = bot
    monkeypatch.setitem(sys.modules, "mybot", shop)
    names: dict[str, Any] = {"asyncio": asyncio, "pytest": pytest, "orders": orders}
    for example in re.findall("```python\n(.+?)```", GUIDE.read_text(), re.DOTALL):
        exec(example, names)
    return names


@pytest.mark.usefixtures("_bundled")
async def test_the_examples(guide: dict[str, Any]) -> None:
    tests = [test for name, test in guide.items() if name.startswith("test_")]
    assert len(tests) == 5
    for test in tests:
        assert inspect.iscoroutinefunction(test)
        await test()
