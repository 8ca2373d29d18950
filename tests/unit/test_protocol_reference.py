"""The written protocol names everything that the protocol has."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import msgspec
import pytest

from unbroken.protocol import ERRORS, CloseCode, Command, Event
from unbroken.types import Part, Policy

REFERENCE = (Path(__file__).parents[2] / "docs/reference/protocol.md").read_text()


@pytest.mark.parametrize("struct", [*typing.get_args(Command), *typing.get_args(Event)])
def test_every_command_and_event_is_there_with_its_members(struct: type) -> None:
    config = struct.__struct_config__  # type: ignore[attr-defined]
    rows = [row for row in REFERENCE.splitlines() if row.startswith(f"| `{config.tag} {{")]
    members = {name for name in struct.__struct_fields__ if name != "cursor" or config.tag == "resume"}  # type: ignore[attr-defined]
    assert members in [set(re.findall(r"\w+", row.partition("{")[2].partition("}")[0])) for row in rows]


@pytest.mark.parametrize("struct", typing.get_args(Part))
def test_every_part_is_there_with_its_members(struct: type) -> None:
    members = [
        field.name if field.required or not struct.__struct_config__.omit_defaults else f"{field.name}?"  # type: ignore[attr-defined]
        for field in msgspec.structs.fields(struct)
    ]
    assert f"| `{struct.__struct_config__.tag} {{{', '.join(members)}}}` |" in REFERENCE  # type: ignore[attr-defined]


@pytest.mark.parametrize("policy", typing.get_args(Policy))
def test_every_policy_is_there(policy: str) -> None:
    assert f"| `{policy}` |" in REFERENCE


@pytest.mark.parametrize(("code", "row"), ERRORS.items())
def test_every_error_code_is_there(code: str, row: typing.Any) -> None:
    meaning = row.meaning[0].lower() + row.meaning[1:].removesuffix(".")
    assert f"| `{code}` | {row.http} | {'yes' if row.retry else 'no'} | {meaning} |" in REFERENCE


@pytest.mark.parametrize("code", CloseCode)
def test_every_close_code_is_there(code: CloseCode) -> None:
    assert re.search(rf"^\| {code.value} \| {'yes' if code.reconnect else 'no'}", REFERENCE, re.MULTILINE)
