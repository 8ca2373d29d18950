"""What `unbroken new` writes, and what it refuses."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement

from unbroken import __version__
from unbroken.config import Settings
from unbroken.errors import ConfigurationError
from unbroken.scaffold import Kind, write

ROOT = Path(__file__).parents[3]
FILES = {
    ".dockerignore",
    ".env.example",
    ".gitignore",
    "Dockerfile",
    "README.md",
    "ada/__init__.py",
    "ada/bot.py",
    "compose.yaml",
    "pyproject.toml",
    "tests/test_bot.py",
}


@pytest.mark.parametrize("kind", Kind)
def test_a_project(tmp_path: Path, kind: Kind) -> None:
    folder = write("ada", kind, tmp_path)
    texts = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert texts.keys() == FILES
    assert [name for name, text in texts.items() if "mybot" in text] == []
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    [requirement] = map(Requirement, project["dependencies"])
    assert requirement.extras == ({kind.value} - {"function"})
    assert requirement.specifier.contains(__version__)
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert requirement.extras | Requirement(project["optional-dependencies"]["dev"][0]).extras <= known.keys()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my-bot", "my_bot would do"),
        ("Ada", "ada would do"),
        ("../ada", "begin with one of a-z"),
        ("2nd", "begin with one of a-z"),
        ("", "begin with one of a-z"),
        ("class", "be no keyword"),
        ("a" * 65, "up to 63"),
        ("json", "a module 'json' already"),
        ("unbroken", "a module 'unbroken' already"),
        ("tests", "a module 'tests' already"),
    ],
)
def test_a_name_that_cannot_be(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        write(name, Kind.FUNCTION, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    write("ada", Kind.FUNCTION, tmp_path)
    bot = tmp_path / "ada/ada/bot.py"
    bot.write_text("mine")
    with pytest.raises(ConfigurationError, match="choose another name, or empty it"):
        write("ada", Kind.FUNCTION, tmp_path)
    assert bot.read_text() == "mine"
    (tmp_path / "eve").touch()
    with pytest.raises(ConfigurationError, match="eve cannot be written"):
        write("eve", Kind.FUNCTION, tmp_path)


def test_the_example_of_the_environment_names_settings(tmp_path: Path) -> None:
    example = (write("ada", Kind.FUNCTION, tmp_path) / ".env.example").read_text()
    names = set(re.findall(r"^# (UNBROKEN_[A-Z_]+)=", example, re.MULTILINE))
    assert names
    assert {name.removeprefix("UNBROKEN_").lower() for name in names} <= Settings.model_fields.keys()


@pytest.mark.parametrize("builder", [WheelBuilder, SdistBuilder])
def test_the_package_brings_the_files_along(builder: type[WheelBuilder] | type[SdistBuilder]) -> None:
    packed = {file.distribution_path for file in builder(str(ROOT)).recurse_included_files()}
    wanted = [path for path in (ROOT / "src/unbroken/scaffold").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert len(wanted) > 10
    start = "src/" if builder is SdistBuilder else ""
    assert {f"{start}{path.relative_to(ROOT / 'src').as_posix()}" for path in wanted} <= packed
