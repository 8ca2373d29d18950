"""What is sent to Redis as a script."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from unbroken.scripts import FORGET, NAMES, source

COMMON = (files("unbroken") / "lua" / "common.lua").read_text()
SHARED = re.findall(r"^local function (\w+)", COMMON, re.MULTILINE)


def _defined(text: str) -> list[str]:
    return [name for name in re.findall(r"^local function (\w+)", text, re.MULTILINE) if name in SHARED]


@pytest.mark.parametrize("name", NAMES)
def test_a_script_is_given_the_functions_that_it_calls_and_no_others(name: str) -> None:
    calls = set(re.findall(r"(?<![\w.])(?<!function )(\w+)\(", re.sub(r"--.*", "", source(name))))
    assert _defined(source(name)) == [function for function in SHARED if function in calls]


def test_no_shared_function_is_idle() -> None:
    assert {function for name in NAMES for function in _defined(source(name))} == set(SHARED)


@pytest.mark.parametrize("name", [*NAMES, FORGET])
def test_a_script_begins_with_its_shebang_and_ends_with_its_body(name: str) -> None:
    file = (files("unbroken") / "lua" / f"{name}.lua").read_text()
    shebang, _, body = file.partition("\n")
    assert source(name).startswith(f"{shebang}\n")
    assert source(name).endswith(body)
    assert source(name).count("#!lua") == 1
