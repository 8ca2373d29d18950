"""Damage to the end of the append-only file, as a kill or a power cut leaves it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis

from tests.conftest import StartValkey
from unbroken.errors import ConfigurationError

DOCUMENTS = 20


@pytest.fixture
def written(private_valkey: StartValkey) -> Path:
    """The incremental file of a server that was killed after it acknowledged some documents, and then a script."""
    # With everysec a write may wait in memory while a slow disk syncs the one before.
    server = private_valkey("--appendfsync", "always")
    with redis.from_url(server.address) as client:
        for number in range(DOCUMENTS):
            client.execute_command("JSON.SET", f"doc{number}", "$", json.dumps({"number": number}))
        client.eval("redis.call('SET', KEYS[1], 1) redis.call('SET', KEYS[2], 2)", 2, "first", "second")
    server._kill()
    server.stop()
    return server.data_dir / "appendonlydir" / "appendonly.aof.1.incr.aof"


def intact(private_valkey: StartValkey, written: Path) -> int:
    """Starts a server on the data again; how many keys of the last script it has."""
    with redis.from_url(private_valkey(data_dir=written.parent.parent).address) as client:
        for number in range(DOCUMENTS):
            assert client.execute_command("JSON.GET", f"doc{number}", "$.number") == f"[{number}]".encode()
        found = client.exists("first", "second")
        assert isinstance(found, int)
        client.set("new", 1)
        return found


def backups(written: Path) -> list[Path]:
    return list(written.parent.parent.glob("*.broken-*"))


def test_nothing_acknowledged_is_lost_by_a_kill(private_valkey: StartValkey, written: Path) -> None:
    assert intact(private_valkey, written) == 2


def test_a_torn_end_costs_the_last_script_and_nothing_else(private_valkey: StartValkey, written: Path) -> None:
    written.write_bytes(written.read_bytes()[:-5])
    assert intact(private_valkey, written) == 0
    assert backups(written) == []


@pytest.mark.parametrize(
    ("torn", "tail", "kept"),
    [(0, bytes(500), 2), (15, bytes(500), 0), (0, b"\x8f\x01garbage\xff" * 30, 2), (0, bytes(100_000), 2)],
    ids=["zeros", "zeros after a torn script", "garbage", "many zeros"],
)
def test_a_filled_end_is_cut_off(
    private_valkey: StartValkey, written: Path, caplog: pytest.LogCaptureFixture, torn: int, tail: bytes, kept: int
) -> None:
    whole = written.read_bytes()
    damaged = whole[: len(whole) - torn] + tail
    written.write_bytes(damaged)

    assert intact(private_valkey, written) == kept

    [backup] = backups(written)
    assert backup.read_bytes() == damaged
    [record] = caplog.records
    if kept:
        assert f"cut {len(tail)} bytes off, kept {len(whole)}" in record.getMessage()
    assert str(backup) in record.getMessage()


def test_the_repaired_file_goes_on(private_valkey: StartValkey, written: Path) -> None:
    with written.open("ab") as file:
        file.write(bytes(500))
    for _ in range(2):
        server = private_valkey(data_dir=written.parent.parent)
        with redis.from_url(server.address) as client:
            client.incr("starts")
            assert client.exists("first", "second") == 2
        server.stop()
    assert len(backups(written)) == 1


def test_what_cannot_be_cut_off_is_left_alone(private_valkey: StartValkey, written: Path) -> None:
    with written.open("ab") as file:
        file.write(b"*1\r\n$3\r\nFOO\r\n")  # well formed, but no command
    damaged = written.read_bytes()
    with pytest.raises(ConfigurationError, match=r"(?s)does not start in .*unknown command 'FOO'"):
        intact(private_valkey, written)
    assert written.read_bytes() == damaged
    assert backups(written) == []


def test_damage_to_the_base_file_is_not_repaired(private_valkey: StartValkey, written: Path) -> None:
    base = written.with_name("appendonly.aof.1.base.rdb")
    base.write_bytes(b"X" + base.read_bytes()[1:])
    whole = written.read_bytes()
    with pytest.raises(ConfigurationError, match=r"(?s)does not start in .*base\.rdb"):
        intact(private_valkey, written)
    assert written.read_bytes() == whole
    assert backups(written) == []
