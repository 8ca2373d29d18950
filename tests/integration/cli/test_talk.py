"""`unbroken chat`, in a terminal and in a pipe."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.integration.processes import Program, clean_environment, run
from unbroken.embedded import Embedded

_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|[()][A-Z0-9]|[=>])")


BOTS = """
[scripted]
bot = "unbroken.models.scripted:continuing"

[asking]
bot = "asking:bot"
welcome = "Shall I **delete** something?"
prompts = ["All of it", "Some of it"]
"""

ASKING = """
async def bot(turn):
    yield f"{turn.text}: " + await turn.ask(f"{turn.text}?", ["Yes", "No"])
"""


@pytest.fixture
def url(valkey: Embedded, prefix: str, tmp_path: Path, free_port: Callable[[], int]) -> Iterator[str]:
    """A server and a worker."""
    (tmp_path / "bots.toml").write_text(BOTS)
    (tmp_path / "asking.py").write_text(ASKING)
    env = {"REDIS_URL": valkey.address, "UNBROKEN_PREFIX": prefix, "UNBROKEN_BOTS": "bots.toml"}
    port = free_port()
    programs = [
        Program("server", "--port", str(port), cwd=tmp_path, env=env),
        Program("worker", cwd=tmp_path, env=env),
    ]
    programs[0].until("Uvicorn running")
    programs[1].until("is ready")
    yield f"http://127.0.0.1:{port}"
    for program in programs:
        program.end()


class Terminal:
    """A person's terminal with `unbroken chat` in it."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self._side, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        # prompt_toolkit would ask this terminal where its cursor is, and nobody answers
        env = clean_environment() | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "unbroken", "chat", *arguments],
            cwd=cwd,
            env=env,
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            preexec_fn=_own_terminal,
        )
        os.close(other)
        self.said = ""

    def type(self, keys: str) -> None:
        os.write(self._side, keys.encode())

    def until(self, pattern: str, timeout: float = 60.0) -> re.Match[str]:
        """The first match in what was said since the last call."""
        deadline = time.monotonic() + timeout
        while (found := re.search(pattern, self.said)) is None:
            ready, _, _ = select.select([self._side], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"never said {pattern!r}, but:\n{self.said}"
            try:
                raw = os.read(self._side, 65536)
            except OSError:
                raw = b""
            assert raw, f"ended without {pattern!r}:\n{self.said}"
            self.said += _ESCAPES.sub("", raw.decode(errors="replace"))
        self.said = self.said[found.end() :]
        return found

    def wait(self) -> int:
        deadline = time.monotonic() + 60
        while self._process.poll() is None:
            assert time.monotonic() < deadline
            ready, _, _ = select.select([self._side], [], [], 0.05)
            if ready:
                try:
                    self.said += _ESCAPES.sub("", os.read(self._side, 65536).decode(errors="replace"))
                except OSError:
                    time.sleep(0.02)
        return self._process.returncode

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._side)


def _own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminal(url: str, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    open_terminals: list[Terminal] = []

    def begin(*arguments: str) -> Terminal:
        open_terminals.append(Terminal("--url", url, "--name", "Ada", *arguments, cwd=tmp_path))
        return open_terminals[-1]

    yield begin
    for one in open_terminals:
        one.end()


def test_a_person_talks_stops_and_leaves(terminal: Callable[..., Terminal], url: str, tmp_path: Path) -> None:
    screen = terminal()
    token = screen.until(r"--token (\S+)")[1]
    screen.until("›")
    screen.type("say **hello** to you\r")
    screen.until("hello to you")
    screen.until("›")
    screen.type("say beg; say un; hang\r")
    screen.until("begun")
    screen.type("\x03")
    screen.until("— stopped")
    screen.until("›")

    # another terminal says something: it appears above the prompt
    assert run("chat", "--url", url, "--token", token, cwd=tmp_path, stdin="say from elsewhere\n").returncode == 0
    screen.until("› say from elsewhere")
    screen.until("from elsewhere")

    other = terminal("--token", token)
    for words in ("hello to you", "begun", "— stopped", "from elsewhere"):
        other.until(words)
    other.until("›")
    other.type("\x04")
    assert other.wait() == 0

    screen.type("\x03")
    assert screen.wait() == 0
    assert "Traceback" not in screen.said


def test_a_bot_greets_and_asks_and_is_answered_with_numbers(terminal: Callable[..., Terminal]) -> None:
    screen = terminal("--bot", "asking")
    screen.until("Shall I delete something")
    screen.until(r"1 All of it\s+2 Some of it")
    screen.until("›")
    screen.type("2\r")
    for words in (r"  Some of it\r", r"Some of it\? ", "1 Yes", "2 No", "›"):
        screen.until(words)
    screen.type("1\r")
    screen.until("Some of it: Yes")
    screen.until("›")
    screen.type("1\r")  # no choice any more
    for words in (r"1\? ", "1 Yes", "›"):
        screen.until(words)
    screen.type("\x04")
    assert screen.wait() == 0
    assert "Traceback" not in screen.said


def test_a_second_ctrl_c_leaves_while_nobody_answers(
    terminal: Callable[..., Terminal], tmp_path: Path, valkey: Embedded, prefix: str, free_port: Callable[[], int]
) -> None:
    port = free_port()
    env = {"REDIS_URL": valkey.address, "UNBROKEN_PREFIX": prefix}
    server = Program("server", "--port", str(port), cwd=tmp_path, env=env)
    server.until("Uvicorn running")
    screen = Terminal("--url", f"http://127.0.0.1:{port}", "--name", "Ada", cwd=tmp_path)
    try:
        screen.until("›")
        screen.type("say beg; say un; hang\r")
        screen.until("begun")
        server.signal(signal.SIGKILL)
        server.wait()
        screen.until("reconnecting")
        screen.type("\x03")
        screen.until("Ctrl-C again: leave")
        screen.type("\x03")
        assert screen.wait() == 0
        assert "Traceback" not in screen.said
    finally:
        screen.end()
        server.end()


def test_a_failed_reply_in_a_pipe_is_one_and_the_others_are_answered(url: str, tmp_path: Path) -> None:
    talk = run("chat", "--url", url, "--name", "Ada", cwd=tmp_path, stdin="say a; fail it broke\nsay b\n")
    assert (talk.returncode, talk.stdout) == (1, "a\nb\n")
    assert talk.stderr.endswith("Error: it broke\n")


def test_nobody_there_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys, unbroken.cli, unbroken.terminal.talk as t; t.FIRST_CONTACT = 0.3; unbroken.cli.main()"
    talk = subprocess.run(
        [sys.executable, "-c", code, "chat", "--url", "http://127.0.0.1:1"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert talk.returncode == 1
    assert talk.stderr == (
        "Error: no chat server at http://127.0.0.1:1: nobody listens there; "
        "start one with `unbroken up`, or name another one with --url\n"
    )


def test_a_server_that_cannot_take_it_now_is_not_nobody(tmp_path: Path) -> None:
    body = json.dumps({"error": {"code": "unavailable", "message": "the store sleeps", "retry_after": 1}}).encode()

    class Asleep(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    code = "import sys, unbroken.cli, unbroken.terminal.talk as t; t.FIRST_CONTACT = 1.0; unbroken.cli.main()"
    with ThreadingHTTPServer(("127.0.0.1", 0), Asleep) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        talk = subprocess.run(
            [sys.executable, "-c", code, "chat", "--url", url],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        server.shutdown()
    assert talk.returncode == 1
    assert talk.stderr == f"Error: the chat server cannot do this now: {url}: the store sleeps\n"


def test_a_token_that_opens_nothing_is_said(url: str, tmp_path: Path) -> None:
    talk = run("chat", "--url", url, cwd=tmp_path, env={"UNBROKEN_TOKEN": "wrong"})
    assert (talk.returncode, talk.stdout) == (1, "")
    assert talk.stderr == "Error: this token opens no session; the session may have expired\n"
