from __future__ import annotations

import subprocess
import sys

import pytest

from unbroken import __version__, cli
from unbroken.errors import ConfigurationError


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["unbroken", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"unbroken {__version__}\n"


@pytest.mark.parametrize(
    "words", [["up"], ["server"], ["worker"], ["chat"], ["inspect"], ["inspect", "session"], ["inspect", "dead"], []]
)
def test_every_command_explains_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert run(monkeypatch, *words, "--help") == 0
    assert "Usage" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["upp"], ["up", "--port", "many"], ["inspect", "session"], ["chat", "--wrong"]])
def test_misuse_is_two(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    assert run(monkeypatch, *words) == 2


def test_what_goes_wrong_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> None:
        raise ConfigurationError("no [bold] Redis; do this")

    monkeypatch.setattr(cli, "app", refuse)
    assert run(monkeypatch) == 1
    assert capsys.readouterr() == ("", "Error: no [bold] Redis; do this\n")


def test_a_defect_is_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "app", break_)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_settings_that_are_wrong_name_their_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNBROKEN_LEASE", "soon")
    monkeypatch.setenv("REDIS_URL", "unix:///nowhere")
    assert run(monkeypatch, "worker") == 1
    assert "Error: UNBROKEN_LEASE" in capsys.readouterr().err


def test_parsing_loads_nothing_heavy() -> None:
    heavy = "{'redis', 'aiohttp', 'fastapi', 'uvicorn', 'pydantic', 'websockets', 'prompt_toolkit', 'rich.markdown'}"
    code = f"import sys, unbroken.cli; print({heavy} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout == "set()\n"
