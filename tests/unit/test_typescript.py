"""The page's copy of the wire."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from tools import typescript
from unbroken import protocol


def test_the_pages_copy_is_not_stale() -> None:
    assert typescript.main(["--check"]) is None


def test_a_stale_copy_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(protocol.ERRORS, "new_code", protocol.ErrorRow(400, False, "It is new."))
    assert "tools/typescript.py" in str(typescript.main(["--check"]))


def test_every_command_and_event_is_there() -> None:
    text = typescript.render()["protocol.ts"]
    for member in get_args(protocol.Command) + get_args(protocol.Event):
        assert f"export interface {member.__name__} {{" in text
        assert f'readonly type: "{member.__struct_config__.tag}";' in text


def test_the_rule_for_reconnecting_is_that_of_the_close_codes() -> None:
    rule = re.search(
        r"return !\[(.*)\]\.includes\(code\) && !\(code >= 4000 && code < 4500\);", typescript.render()["protocol.ts"]
    )
    assert rule
    final = {int(code) for code in rule[1].split(", ")}
    for code in protocol.CloseCode:
        assert code.reconnect == (code not in final and not 4000 <= code < 4500)
