from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from unbroken.config import Settings
from unbroken.errors import ConfigurationError
from unbroken.models.base import Bot, load_bot

SOURCE = """
import asyncio

async def bot(turn):
    yield "hi"

async def two(turn, more):
    yield "hi"

class Group:
    @staticmethod
    async def bot(turn):
        yield "hi"

number = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def load(spec: str) -> Bot:
    return load_bot(Settings(_env_file=None, bot=spec))  # type: ignore[call-arg]


def test_a_bot_in_the_current_directory(folder: Path) -> None:
    (folder / "mybot_a.py").write_text(SOURCE)
    assert load("mybot_a:bot").name == "mybot_a:bot"
    assert load("mybot_a:Group.bot").name == "mybot_a:Group.bot"


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("mybot_b", "module:name"),
        ("mybot_b.py:bot", "module:name"),
        ("./mybot_b:bot", "module:name"),
        (":bot", "module:name"),
        ("mybot_b:", "module:name"),
        ("nowhere_b:bot", "no module 'nowhere_b'"),
        ("mybot_b.inner:bot", "no module 'mybot_b.inner'"),
        ("mybot_b:other", "has no 'other'"),
        ("mybot_b:Group.other", "has no 'Group.other'"),
        ("mybot_b:number", "is a int"),
        ("mybot_b:two", "takes one|one argument"),
        ("imports_b:bot", "needs the module 'missing_b'"),
        ("broken_b:bot", "SyntaxError"),
        ("raises_b:bot", "ZeroDivisionError"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(folder: Path, spec: str, says: str) -> None:
    (folder / "mybot_b.py").write_text(SOURCE)
    (folder / "imports_b.py").write_text("import missing_b")
    (folder / "broken_b.py").write_text("def bot(turn:")
    (folder / "raises_b.py").write_text("1 / 0")
    with pytest.raises(ConfigurationError, match=says) as caught:
        load(spec)
    assert "\n" not in str(caught.value)
