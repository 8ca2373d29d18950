from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from unbroken.embedded.repair import repair

NAME = "appendonly.aof.2.incr.aof"
COMPLAINT = f"# Bad file format reading the append only file {NAME}: make a backup of your AOF file"


def directory(path: Path) -> Path:
    (path / "appendonlydir").mkdir()
    (path / "appendonlydir" / "appendonly.aof.manifest").write_text(
        "file appendonly.aof.1.base.rdb seq 1 type b\n"
        "file appendonly.aof.1.incr.aof seq 1 type i\n"
        f"file {NAME} seq 2 type i\n"
    )
    (path / "appendonlydir" / NAME).write_bytes(b"0123456789")
    return path


def tool(path: Path, body: str) -> Path:
    """A stand-in for the repair tool, for what the real one cannot be made to do."""
    script = path / "tool"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return script


def test_what_the_tool_cuts_is_counted_and_kept_beside(tmp_path: Path) -> None:
    done = repair(directory(tmp_path), COMPLAINT, tool(tmp_path, 'printf 0123 > "$2"'))
    assert done is not None
    assert (done.cut, done.kept, done.file.read_bytes()) == (6, 4, b"0123")
    assert (done.backup.parent, done.backup.read_bytes()) == (tmp_path, b"0123456789")


def test_a_copy_is_not_left_behind_when_nothing_was_cut(tmp_path: Path) -> None:
    assert repair(directory(tmp_path), COMPLAINT, tool(tmp_path, "exit 1")) is None
    assert list(tmp_path.glob("*.broken-*")) == []


def test_a_copy_that_does_not_fit_is_removed_and_nothing_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_source: Path, target: Path) -> None:
        target.write_bytes(b"0123")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(OSError, match="No space left"):
        repair(directory(tmp_path), COMPLAINT, tool(tmp_path, 'echo touched > "$2"'))
    assert (tmp_path / "appendonlydir" / NAME).read_bytes() == b"0123456789"
    assert list(tmp_path.glob("*.broken-*")) == []


def test_other_complaints_and_older_files_are_not_for_us(tmp_path: Path) -> None:
    never = tool(directory(tmp_path), 'echo touched > "$2"')
    for file in ("appendonly.aof.1.incr.aof", "appendonly.aof.1.base.rdb"):
        assert repair(tmp_path, COMPLAINT.replace(NAME, file), never) is None
    assert repair(tmp_path, "# Out of memory", never) is None
    assert (tmp_path / "appendonlydir" / NAME).read_bytes() == b"0123456789"


def test_without_a_manifest_nothing_is_touched(tmp_path: Path) -> None:
    (directory(tmp_path) / "appendonlydir" / "appendonly.aof.manifest").unlink()
    assert repair(tmp_path, COMPLAINT, tool(tmp_path, 'echo touched > "$2"')) is None
