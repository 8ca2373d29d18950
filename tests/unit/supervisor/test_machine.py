"""What the supervisor finds out about the machine before it starts anything."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from unbroken.errors import ConfigurationError
from unbroken.supervisor.changes import folders_of
from unbroken.supervisor.child import _how
from unbroken.supervisor.port import free_port
from unbroken.supervisor.up import _reachable, _short, _without_secret


def test_a_free_port_is_given_back_and_zero_becomes_one() -> None:
    port = free_port("127.0.0.1", 0)
    assert port > 0
    assert free_port("127.0.0.1", port) == port


def test_a_taken_port_is_refused_with_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"port {port} is in use already.*--port"):
            free_port("127.0.0.1", port)


def test_a_foreign_address_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match=r"cannot listen on 192\.0\.2\.1 .*--host"):
        free_port("192.0.2.1", 0)


def test_the_folder_of_a_bot_is_that_of_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "package" / "inner").mkdir(parents=True)
    (tmp_path / "package" / "bot.py").touch()
    assert folders_of(["alone:bot"]) == [tmp_path]
    assert folders_of(["package.bot:bot", None]) == [tmp_path / "package"]
    assert folders_of(["package.inner:bot"]) == [tmp_path / "package" / "inner"]
    assert folders_of(["installed.elsewhere:bot", "alone:bot", "package.bot:bot"]) == [tmp_path, tmp_path / "package"]
    with pytest.raises(ConfigurationError, match="--reload watches the code of a bot"):
        folders_of([None])


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exited with code 0"),
        (3, "exited with code 3"),
        (-9, "was killed by SIGKILL"),
        (-63, "was killed by signal 63"),
    ],
)
def test_an_exit_in_words(code: int, words: str) -> None:
    assert _how(code) == words


def test_addresses_are_shown_without_their_secrets() -> None:
    assert _without_secret("rediss://ada:secret@example.com:6380/0?x=secret") == "rediss://example.com:6380/0"
    assert _without_secret("unix:///run/redis.sock") == "unix:///run/redis.sock"


def test_hosts_are_shown_as_one_types_them() -> None:
    assert [_reachable(host) for host in ("0.0.0.0", "127.0.0.1", "::1", "fe80::1", "example.com")] == [
        "localhost",
        "localhost",
        "localhost",
        "[fe80::1]",
        "example.com",
    ]


def test_paths_are_shown_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/srv/ada")
    assert _short(tmp_path) == "."
    assert _short(Path("data")) == "data"
    assert _short(Path("/srv/ada/data")) == "~/data"
    assert _short(Path("/srv/data")) == "/srv/data"
