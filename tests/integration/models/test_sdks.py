"""Which adapter is taken for what, and what is said when an SDK is missing; each in a process that has loaded none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import sys
from unbroken.config import Settings
from unbroken.errors import ConfigurationError
from unbroken.models.base import load_bot

spec, *missing = sys.argv[1:]
sys.modules.update(dict.fromkeys(missing))
try:
    load_bot(Settings(_env_file=None, bot=spec))
except ConfigurationError as error:
    print(error)
else:
    print(*sorted(sys.modules.keys() & {"pydantic_ai", "langgraph", "langchain_core", "ag_ui"}))
"""


def load(folder: Path, source: str, *missing: str) -> str:
    """What is said about `mybot:bot`, or which SDKs were loaded for it."""
    (folder / "mybot.py").write_text(source)
    command = [sys.executable, "-W", "error", "-c", _PROGRAM, "mybot:bot", *missing]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def test_a_function_loads_no_sdk(tmp_path: Path) -> None:
    assert load(tmp_path, "def bot(turn): pass") == ""


def test_an_agent_behind_http_needs_none(tmp_path: Path) -> None:
    source = "from unbroken.models import ag_ui\nbot = ag_ui.agent('http://host/')"
    assert load(tmp_path, source, "ag_ui", "pydantic_ai", "langgraph") == "ag_ui langgraph pydantic_ai"  # as None


@pytest.mark.parametrize(
    ("package", "extra"), [("pydantic_ai", "pydantic-ai"), ("langgraph", "langgraph"), ("nothing_known", None)]
)
def test_a_bot_whose_sdk_is_missing(tmp_path: Path, package: str, extra: str | None) -> None:
    said = load(tmp_path, f"import {package}.agent", package)
    assert f"needs the module '{package}" in said
    assert said.endswith(f"install unbroken[{extra}]" if extra else "install it")


def test_the_adapter_is_missing_its_sdk(tmp_path: Path) -> None:
    said = load(tmp_path, "from unbroken.models.langgraph import bot", "langchain_core", "langgraph")
    assert "needs the module 'langchain_core" in said
    assert said.endswith("install unbroken[langgraph]")


def test_an_sdk_of_another_age(tmp_path: Path) -> None:
    (tmp_path / "pydantic_ai.py").write_text("class Agent: pass")
    said = load(tmp_path, "from pydantic_ai import Agent\nbot = Agent()")
    assert "mybot:bot" in said
    assert "unbroken[pydantic-ai]" in said


def test_an_object_with_a_reply_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "langgraph.py").write_text("class Graph: pass")
    source = "from langgraph import Graph\nclass Bot(Graph):\n    def reply(self, turn): pass\nbot = Bot()"
    assert load(tmp_path, source) == "langgraph"
