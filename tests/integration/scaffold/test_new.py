"""Projects of `unbroken new`, tested and started as their README says, and what their containers would run."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from typer.main import get_command

from tests.conftest import StartValkey
from tests.integration.processes import Program, clean_environment, run
from unbroken.cli import app


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parent = tmp_path_factory.mktemp("new")
    done = run("new", "mybot", cwd=parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert "unbroken up mybot.bot:bot --reload" in done.stdout
    return parent / "mybot"


@pytest.fixture
def compose(project: Path) -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((project / "compose.yaml").read_text())["services"]
    return services


def test_its_tests_pass(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project,
        env=clean_environment() | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("smith", "graph"):
            del sys.modules[name]


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(("name", "kind"), [("smith", "pydantic-ai"), ("graph", "langgraph")])
def test_the_tests_of_agents_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str) -> None:
    monkeypatch.chdir(tmp_path)
    get_command(app).main(["new", name, "--kind", kind], standalone_mode=False)
    sys.path.insert(0, str(tmp_path / name))
    importlib.invalidate_caches()
    spec = spec_from_file_location(f"{name}.tests", tmp_path / name / "tests/test_bot.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = [test for title, test in vars(module).items() if title.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        assert inspect.iscoroutinefunction(test)
        asyncio.run(test())


def healthy(code: str, port: str) -> bool:
    """What a health check of a container says of the server on this port."""
    here = code.replace("127.0.0.1:8000", f"localhost:{port}")
    return (
        subprocess.run([sys.executable, "-c", here], stderr=subprocess.DEVNULL, timeout=20, check=False).returncode == 0
    )


@pytest.mark.usefixtures("_bundled")
def test_it_runs_and_is_healthy(project: Path, compose: dict[str, Any]) -> None:
    up = Program("up", "mybot.bot:bot", "--port", "0", cwd=project)
    try:
        port = up.until(r"Open +http://localhost:(\d+)")[1]
        [image] = re.findall(r"^ +CMD (\[.+\])$", (project / "Dockerfile").read_text(), re.MULTILINE)
        for command, *options, code in (compose["server"]["healthcheck"]["test"][1:], ast.literal_eval(image)):
            assert (command, options) == ("python", ["-c"])
            assert healthy(code, port)
        assert not healthy(code, "1")
        talk = run("chat", "--url", f"http://localhost:{port}", cwd=project, stdin="Hello\n")
        assert "You said: Hello" in talk.stdout
    finally:
        up.end()


def test_what_its_containers_run(project: Path, compose: dict[str, Any], private_valkey: StartValkey) -> None:
    server, *options = compose["redis"]["command"]
    assert server == "redis-server"
    chosen = dict(zip(options[::2], options[1::2], strict=True))
    assert (chosen["--appendonly"], chosen["--maxmemory-policy"]) == ("yes", "noeviction")
    private_valkey(*options)  # it starts with them
    for service in ("server", "worker"):
        program, command, *options = compose[service]["command"]
        assert program == "unbroken"
        get_command(app).commands[command].make_context(command, options)  # type: ignore[attr-defined]
    assert "UNBROKEN_BOT=mybot.bot:bot" in (project / "Dockerfile").read_text()
    assert compose["worker"]["environment"]["REDIS_URL"] == "redis://redis:6379"
