"""`unbroken up`, with everything that it starts."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.integration.processes import Program, gone, kill, run
from unbroken.client import Client
from unbroken.embedded import Embedded

pytestmark = pytest.mark.usefixtures("_bundled")

SCRIPTED = "unbroken.models.scripted:bot"
CONTINUING = "unbroken.models.scripted:continuing"

Start: TypeAlias = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Program] = []

    def begin(*arguments: str, bot: str | None = SCRIPTED, **env: str) -> Program:
        words = ("up", *((bot,) if bot else ()), *arguments)
        if "--port" not in arguments:
            words += ("--port", "0")
        started.append(Program(*words, cwd=tmp_path, env=env))
        return started[-1]

    yield begin
    for program in started:
        program.end()


def url_of(program: Program) -> str:
    return program.until(r"Open +(http://\S+)")[1]


def chat(url: str, cwd: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    return run("chat", "--url", url, "--name", "Ada", cwd=cwd, stdin="".join(f"{line}\n" for line in lines))


def test_it_answers_and_leaves_its_data_and_nothing_else_behind(start: Start, tmp_path: Path) -> None:
    up = start()
    url = url_of(up)
    family = up.family()
    assert {"server", "worker", "valkey"} <= set(family)
    assert SCRIPTED in up.output
    assert ".unbroken (embedded Valkey)" in up.output

    talk = chat(url, tmp_path, "say hello", "", "say bye")
    assert (talk.returncode, talk.stdout) == (0, "hello\nbye\n")
    token = talk.stderr.split("--token")[1].split()[0]
    joined = run("chat", "--url", url, "--token", token, cwd=tmp_path, stdin="say again\n")
    assert joined.stdout == "again\n"

    up.signal(signal.SIGTERM)
    assert up.wait() == 0
    assert gone(family)
    assert up.lines[-1].startswith("Stopped.")

    again = start()
    url_of(again)
    found = json.loads(run("inspect", "--json", cwd=tmp_path).stdout)
    assert [(row["name"], row["messages"]) for row in found["sessions"]] == [("Ada", 6)]


def test_what_is_in_its_way_is_said_in_one_sentence(start: Start, tmp_path: Path) -> None:
    up = start()
    url = url_of(up)
    second = run("up", "--port", "0", cwd=tmp_path)
    assert second.returncode == 1
    assert second.stderr.splitlines() == [
        (
            f"Error: {tmp_path}/.unbroken is in use by process {up.pid}; "
            "stop that one, or set UNBROKEN_DATA_DIR to another directory"
        )
    ]
    port = url.rpartition(":")[2]
    taken = run("up", "--port", port, "--data-dir", "other", cwd=tmp_path)
    assert taken.returncode == 1
    assert taken.stderr.startswith(f"Error: port {port} is in use already")
    assert not (tmp_path / "other").exists()
    lone = run("server", "--port", port, cwd=tmp_path, env={"REDIS_URL": f"unix://{tmp_path}/.unbroken/valkey.sock"})
    assert (lone.returncode, lone.stderr) == (1, taken.stderr)


@pytest.mark.parametrize(
    ("bot", "sentence"),
    [
        ("nothere:bot", "Error: bot 'nothere:bot': there is no module 'nothere'"),
        ("wrong:bot", "Error: bot 'wrong:bot': importing wrong failed: ValueError: not today"),
    ],
)
def test_a_bot_that_does_not_load_ends_it_with_its_sentence(tmp_path: Path, bot: str, sentence: str) -> None:
    (tmp_path / "wrong.py").write_text("raise ValueError('not today')\n")
    failed = run("up", bot, "--port", "0", cwd=tmp_path)
    assert failed.returncode == 1
    assert failed.stderr.startswith(sentence)
    assert "Traceback" not in failed.stdout + failed.stderr
    assert failed.stderr.count("Error") == 1 + bot.startswith("wrong")  # ValueError
    assert not Embedded(tmp_path / ".unbroken").check()


def test_kill_9_leaves_no_process_behind(start: Start) -> None:
    up = start()
    url_of(up)
    family = up.family()
    assert len(family) == 3
    up.signal(signal.SIGKILL)
    up.wait()
    assert gone(family)


async def test_parts_that_crash_are_started_again_and_no_reply_is_lost(start: Start) -> None:
    up = start(bot=CONTINUING, UNBROKEN_LEASE="1.5")
    async with Client(url_of(up)) as client:
        chat = await client.create("Ada")
        sent = await chat.send("pace 0.05; count 60")
        pieces = aiter(sent)
        assert await anext(pieces)
        before = up.family()
        kill(before["server"])
        await asyncio.to_thread(up.until, "the server was killed by SIGKILL; starting it again")
        kill(before["worker"])
        await asyncio.to_thread(up.until, "the worker was killed by SIGKILL; starting it again")
        kill(before["valkey"])
        await asyncio.to_thread(up.until, "the embedded Valkey was killed by signal 9; starting it again")
        rest = [piece async for piece in pieces]
        assert not any(piece.restart for piece in rest)
        assert (await sent.reply()).msg == "".join(f"{n} " for n in range(1, 61))
    after = up.family()
    assert set(after) == set(before)
    assert not {p.pid for p in after.values()} & {p.pid for p in before.values()}


async def test_a_running_reply_is_finished_before_it_ends(start: Start) -> None:
    up = start()
    async with Client(url_of(up)) as client:
        sent = await (await client.create("Ada")).send("pace 0.05; count 30")
        assert await anext(aiter(sent))
        family = up.family()
        up.signal(signal.SIGINT)
        assert (await sent.reply()).msg == "".join(f"{n} " for n in range(1, 31))
    assert up.wait() == 0
    assert "finishing running replies" in up.output
    assert gone(family)


async def test_the_second_ctrl_c_ends_it_at_once(start: Start) -> None:
    up = start(UNBROKEN_DRAIN_GRACE="3600")
    async with Client(url_of(up)) as client:
        sent = await (await client.create("Ada")).send("say now; hang")
        assert await anext(aiter(sent))
    family = up.family()
    up.signal(signal.SIGINT)
    up.until("finishing running replies")
    up.signal(signal.SIGINT)
    assert up.wait() == 130
    assert gone(family)


async def test_a_part_that_does_not_stop_in_time_is_killed(start: Start) -> None:
    up = start(UNBROKEN_DRAIN_GRACE="0.2", UNBROKEN_BLOCK_WARNING="0.1")
    async with Client(url_of(up)) as client:
        sent = await (await client.create("Ada")).send("say now; sleep 0.2; block 100")
        assert await anext(aiter(sent)) == "now"
        await asyncio.to_thread(up.until, "the event loop has been blocked")
    family = up.family()
    up.signal(signal.SIGTERM)
    assert up.wait() == 0
    assert "the worker did not stop in time and is killed" in up.output
    assert gone(family)


def test_a_valkey_that_keeps_dying_ends_it_with_the_reason(start: Start) -> None:
    up = start()
    url_of(up)
    family = up.family()
    for number in range(3):
        kill(up.family()["valkey"])
        if number < 2:
            _until(lambda seen=number: up.output.count("starting it again") > seen and "valkey" in up.family())  # type: ignore[misc]
    assert up.wait() == 1
    assert "Error: the embedded Valkey was killed by signal 9, 3 times in a row" in up.output
    assert "Traceback" not in up.output
    assert gone(family)


def test_reload_starts_the_worker_anew_and_survives_a_broken_file(start: Start, tmp_path: Path) -> None:
    code = tmp_path / "mybot.py"
    code.write_text("def bot(turn):\n    return 'old'\n")
    (tmp_path / "bots.toml").write_text('[mine]\nbot = "mybot:bot"\n[other]\nmodel = "demo"\n')
    up = start("--reload", bot=None, UNBROKEN_BOTS="bots.toml")
    url = url_of(up)
    assert re.search(r"Bots +mine +mybot:bot +it is set as the bot .*\n.* other +demo +MODEL is demo", up.output)
    assert chat(url, tmp_path, "?").stdout == "old\n"
    first = up.family()["worker"]
    code.write_text("def bot(turn:\n")
    up.until("mybot.py changed; starting the worker anew")
    up.until("importing mybot failed: SyntaxError")
    up.until("the worker waits for the next change")
    code.write_text("def bot(turn):\n    return 'new and longer'\n")
    _until(lambda: up.output.count("mybot.py changed") == 2 and "worker" in up.family())
    assert chat(url, tmp_path, "?").stdout == "new and longer\n"
    assert not first.is_running()


def test_dead_letters_are_listed_retried_and_dropped(start: Start, tmp_path: Path) -> None:
    (tmp_path / "mybot.py").write_text(
        "import os\n"
        "from pathlib import Path\n"
        "def bot(turn):\n"
        "    if not Path('cured').exists():\n"
        "        os._exit(70)\n"
        "    return 'alive'\n"
    )
    up = start(bot="mybot:bot", UNBROKEN_LEASE="3", UNBROKEN_ATTEMPTS="1")
    talk = chat(url_of(up), tmp_path, "poison", "more of it")
    assert talk.returncode == 1
    assert talk.stderr.count("Error: The reply could not be finished.") == 2
    up.until("the worker exited with code 70; starting it again")

    letters = json.loads(run("inspect", "dead", "list", "--json", cwd=tmp_path).stdout)
    assert [(letter["attempts"], letter["error"]) for letter in letters] == [(1, "attempts_exhausted")] * 2
    newer, older = (letter["letter"] for letter in letters)
    table = run("inspect", "dead", "list", cwd=tmp_path).stdout
    assert newer in table
    assert older in table

    unknown = run("inspect", "dead", "retry", "x/1-1", cwd=tmp_path)
    assert unknown.returncode == 1
    assert "there is no dead letter x/1-1" in unknown.stderr

    (tmp_path / "cured").touch()
    session = letters[0]["session"]
    retried = run("inspect", "dead", "retry", older, cwd=tmp_path)
    assert (retried.returncode, retried.stderr) == (0, "")
    assert f"{older} is message 3 of session {session} now" in retried.stdout
    _until(lambda: "alive" in run("inspect", "session", session, cwd=tmp_path).stdout)
    assert "dropped" in run("inspect", "dead", "drop", newer, cwd=tmp_path).stdout
    assert "No dead letters." in run("inspect", "dead", "list", cwd=tmp_path).stdout


def test_its_own_redis_is_used_where_one_is_configured(
    start: Start, tmp_path: Path, valkey: Embedded, prefix: str
) -> None:
    up = start(REDIS_URL=valkey.address, UNBROKEN_PREFIX=prefix)
    url = url_of(up)
    assert set(up.family()) == {"server", "worker"}
    assert not (tmp_path / ".unbroken").exists()
    assert chat(url, tmp_path, "say hi").stdout == "hi\n"


def _until(condition: Callable[[], bool], timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
