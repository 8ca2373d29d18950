"""What holds for every file that is in the repository or about to be."""

from __future__ import annotations

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent
LONGEST = 400

# Written so that they do not find themselves.
REGISTRIES = re.compile(
    r"pythonhost[e]d\.org|py[p]i\.org|registry\.np[m]js|registry\.yar[n]pkg|deb\.debi[a]n|archive\.ubunt[u]",
    re.IGNORECASE,
)
HOMES = re.compile(r"(?<![\w.-])/(?:home|Users)/\w|(?<![\w.-])/roo[t]/|(?<![\w./-])/wor[k]/")


@cache
def files() -> dict[str, str]:
    """All text files by their path."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so nobody knows which files belong to it")
    command = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    found = {}
    for name in names:
        path = ROOT / name
        if path.is_file() and b"\0" not in (content := path.read_bytes()):
            found[name] = content.decode()
    return found


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in files().items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_package_registry() -> None:
    assert lines_with(REGISTRIES) == []


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    assert lines_with(HOMES) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (REGISTRIES, "--index-url https://PY" + "PI.org/simple"),
        (REGISTRIES, '"resolved": "' + "https://registry.np" + 'mjs.org/react"'),
        (HOMES, "cd /home/" + "ada/unbroken"),
        (HOMES, '"/roo' + 't/.cache"'),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


def test_no_source_file_is_too_long() -> None:
    lengths = {
        name: text.count("\n") for name, text in files().items() if Path(name).suffix in {".py", ".lua", ".ts", ".tsx"}
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_every_locked_package_has_hashes_and_no_address() -> None:
    locks = {name: text for name, text in files().items() if name.startswith("requirements/")}
    assert len(locks) >= 3
    for text in locks.values():
        for requirement in re.sub(r" \\\n +", " ", text).splitlines():
            assert re.fullmatch(r"[a-z0-9-]+==\S+( ; [^@]+?)?( --hash=sha256:[0-9a-f]{64})+", requirement)


def test_the_locks_hold_every_dependency_in_a_version_that_the_project_allows() -> None:
    project = tomllib.loads(files()["pyproject.toml"])
    groups = project["dependency-groups"]
    run = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["embedded"]
    dev = run + groups["build"] + groups["dev"]
    alone = {name: groups[name] for name in ("build", "node", "bench", "bench-arq")}
    for lock, wanted in {**alone, "run": run, "dev": dev}.items():
        locked = re.findall(r"^([a-z0-9-]+)==(\S+)", files()[f"requirements/{lock}.txt"], re.MULTILINE)
        for requirement in map(Requirement, wanted):
            versions = [version for name, version in locked if name == requirement.name]
            assert versions, f"{requirement.name} is not in requirements/{lock}.txt: run `make lock`"
            assert [version for version in versions if not requirement.specifier.contains(version)] == []


def test_make_alone_lists_every_target() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", files()["Makefile"], re.MULTILINE))
    listed = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    assert targets == {line.split()[0] for line in listed.splitlines()}
    assert {"run", "test", "lint", "types", "all"} <= targets
