"""Starting and stopping, and what ends the server besides `stop`."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis

from tests.conftest import StartValkey
from unbroken.embedded import Embedded
from unbroken.errors import ConfigurationError

PARENT = """
import signal, sys, time
from pathlib import Path
from unbroken.embedded import Embedded
interrupted = []
signal.signal(signal.SIGINT, lambda *_: interrupted.append(True))
server = Embedded(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
while not interrupted:
    time.sleep(0.01)
time.sleep(0.3)
print(server.check(20), flush=True)
server.stop()
"""


@contextmanager
def parent(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """Another process that started a server, and that server."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(data_dir)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with process:
        assert process.stdout
        yield process, psutil.Process(int(process.stdout.readline()))
        process.kill()


def gone(process: psutil.Process, timeout: float = 20) -> bool:
    """Whether a process ends in time; it may stay a zombie where nobody adopts orphans."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def test_data_outlive_the_server(private_valkey: StartValkey) -> None:
    first = private_valkey()
    with redis.from_url(first.address) as client:
        client.execute_command("JSON.SET", "doc", "$", '{"messages":[1,2]}')
        client.xadd("stream", {"a": "b"}, id="5-1")
    first.stop()
    second = private_valkey(data_dir=first.data_dir)
    with redis.from_url(second.address) as client:
        assert client.execute_command("JSON.GET", "doc", "$.messages") == b"[[1,2]]"
        assert client.xrange("stream") == [(b"5-1", {b"a": b"b"})]


def test_nobody_else_can_read_what_it_writes(private_valkey: StartValkey) -> None:
    folder = private_valkey().data_dir
    written = [folder, *folder.rglob("*")]
    assert [path for path in written if path.stat().st_mode & 0o077] == []


def test_a_second_start_on_the_same_directory_is_refused(private_valkey: StartValkey) -> None:
    first = private_valkey()
    with pytest.raises(ConfigurationError, match=f"{first.data_dir} is in use by process {os.getpid()};"):
        private_valkey(data_dir=first.data_dir)
    assert first.check(20)


def test_starting_twice_is_a_mistake(private_valkey: StartValkey) -> None:
    with pytest.raises(RuntimeError, match="already"):
        private_valkey().start()


def test_stopping_leaves_nothing_and_may_be_repeated(tmp_path: Path) -> None:
    server = Embedded(tmp_path / "new" / "data")
    server.start()
    assert server.pid
    process = psutil.Process(server.pid)
    server.stop()
    server.stop()
    assert not process.is_running()
    assert not server.check()


def test_a_stopped_process_is_ended_by_force(private_valkey: StartValkey) -> None:
    server = private_valkey()
    assert server.pid
    process = psutil.Process(server.pid)
    process.suspend()
    server.stop(timeout=0.2)
    assert not process.is_running()


def test_paths_with_spaces_and_other_letters(tmp_path: Path) -> None:
    with Embedded(tmp_path / "mes données % ?#") as server, redis.from_url(server.address) as client:
        assert client.ping()


def test_a_path_too_long_for_a_socket(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / ("long" * 30)
    other = Embedded(folder)
    assert not other.check()
    with caplog.at_level(logging.WARNING), Embedded(folder) as server:
        socket = Path(server.address.removeprefix("unix://"))
        assert str(socket) in caplog.text
        assert socket.parent.stat().st_mode & 0o777 == 0o700
        with redis.from_url(server.address) as client:
            assert client.ping()
        assert other.check(20)
        other.stop()
        assert (other.address, other.check(20)) == (server.address, True)
    assert not socket.parent.exists()
    with Embedded(folder):
        assert other.check(20)


def test_a_directory_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"cannot be used \(Not a directory\); set UNBROKEN_DATA_DIR"):
        Embedded(tmp_path / "file" / "data").start()


def test_a_server_that_does_not_start_shows_its_last_words(tmp_path: Path) -> None:
    server = Embedded(tmp_path, extra_args=["--no-such-option", "1"])
    with pytest.raises(ConfigurationError, match=r"(?s)does not start in .*no-such-option"):
        server.start()
    assert server.pid is None


def test_only_the_main_thread_may_start_it(tmp_path: Path) -> None:
    errors: list[Exception] = []

    def start() -> None:
        try:
            Embedded(tmp_path).start()
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(errors[0])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_dies_with_its_parent(private_valkey: StartValkey, tmp_path: Path, how: signal.Signals) -> None:
    with parent(tmp_path) as (process, server):
        process.send_signal(how)
        assert gone(server)
    private_valkey(data_dir=tmp_path)


@pytest.mark.usefixtures("_bundled")
def test_even_a_hung_server_dies_with_its_parent(tmp_path: Path) -> None:
    with parent(tmp_path) as (process, server):
        server.suspend()
        process.kill()
        assert gone(server)


@pytest.mark.usefixtures("_bundled")
def test_ctrl_c_lets_the_others_finish_first(tmp_path: Path) -> None:
    with parent(tmp_path) as (process, server):
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout
        assert process.stdout.readline() == "True\n"
        assert gone(server)


def test_a_server_that_wants_a_login_is_not_waited_for(private_valkey: StartValkey) -> None:
    assert private_valkey("--requirepass", "s3cret").check(20)
