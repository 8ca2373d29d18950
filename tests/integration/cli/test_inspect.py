"""What `unbroken inspect` finds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.integration.processes import run
from unbroken.backend import Backend
from unbroken.claim import Claim, Outcome
from unbroken.config import Settings
from unbroken.errors import SessionGone
from unbroken.terminal import inspect
from unbroken.terminal.survey import Survey
from unbroken.types import Data, Question, Status, ToolCall


async def take(backend: Backend, session: str) -> Claim:
    """Takes the session as a worker would."""
    keys = backend.keys.session(session)
    ready = backend.redis.ready((keys.tag,), "me")
    [(entry, found)] = await ready.read(1.0)
    assert found == session
    claim = await backend.queue.take(session, entry, "nonce", attempts=3, continuing="", context=5)
    assert claim is not None
    return claim


async def test_sessions_say_what_they_are_doing(backend: Backend) -> None:
    sessions = [(await backend.store.create(name))[1].id for name in ("idle", "waiting", "replying")]
    for message in ("a", "b"):
        await backend.queue.accept(sessions[2], message, "?")
    await take(backend, sessions[2])
    await backend.queue.accept(sessions[1], "a", "?")

    found = await Survey(backend).overview(10)
    rows = {row.name: row for row in found.sessions}
    assert {name: (row.id, row.messages, row.running, row.waiting) for name, row in rows.items()} == {
        "idle": (sessions[0], 0, 0, 0),
        "waiting": (sessions[1], 1, 0, 1),
        "replying": (sessions[2], 2, 1, 2),
    }
    assert all(row.ttl is not None and 0 < row.ttl <= 3600 for row in rows.values())
    assert not found.more
    assert sum(row.ready for row in found.partitions) == 2
    assert sum(row.held for row in found.partitions) == 1
    assert found.dead == []


async def test_a_list_ends_at_its_limit_and_says_so(backend: Backend) -> None:
    for number in range(7):
        await backend.store.create(str(number))
    assert (await Survey(backend).overview(7)).more is False
    found = await Survey(backend).overview(3)
    assert (len(found.sessions), found.more) == (3, True)


async def test_one_session_and_none(backend: Backend) -> None:
    session = (await backend.store.create("Ada"))[1].id
    await backend.queue.accept(session, "a", "What?")
    found = await Survey(backend).session(session)
    assert [message.msg for message in found.messages] == ["What?"]
    with pytest.raises(SessionGone):
        await Survey(backend).session("nothing")


async def test_a_session_shows_its_bot_and_all_that_its_replies_brought(
    backend: Backend, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = (await backend.store.create("Ada", "coder"))[1].id
    await backend.queue.accept(session, "a", "What?")
    usage = Data("usage", {"input_tokens": 12, "output_tokens": 3})
    claim = await take(backend, session)
    reply = Outcome(Status.COMPLETED, "Sure?", parts=[ToolCall("1", "look"), usage, Question("Sure?", ["yes", "no"])])
    assert await backend.queue.finish(claim, 1, reply)

    monkeypatch.setenv("REDIS_URL", str(settings.redis_url))
    monkeypatch.setenv("UNBROKEN_PREFIX", settings.prefix)
    monkeypatch.setenv("COLUMNS", "120")
    await asyncio.to_thread(inspect.session, None, session, as_json=False)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert "coder" in lines[2]
    assert lines[3:] == [
        "  1 › What?  a",
        "  → look",
        "  1   completed Sure?  a.reply",
        "  1 yes",
        "  2 no",
        "  12 tokens in, 3 out",
        "12 tokens in, 3 out (replies counted: 1)",
    ]
    await asyncio.to_thread(inspect.session, None, session, as_json=True)
    found = msgspec.json.decode(capsys.readouterr().out)
    assert found["session"]["bot"] == "coder"
    assert found["usage"] == {"input_tokens": 12, "output_tokens": 3, "replies": 1}


async def test_nothing_that_is_shown_holds_a_secret(backend: Backend, settings: Settings, tmp_path: Path) -> None:
    token, session = await backend.store.create("Ada")
    digest = (
        await backend.redis.router.command(
            backend.keys.session(session.id).tag, "JSON.GET", backend.keys.session(session.id).doc, "$.token_digest"
        )
    ).decode()[2:-2]
    assert len(digest) == 64
    survey = Survey(backend)
    shown = msgspec.json.encode([await survey.overview(10), await survey.session(session.id)]).decode()
    env = {"REDIS_URL": str(settings.redis_url), "UNBROKEN_PREFIX": settings.prefix}
    for words in ((), ("--json",), ("session", session.id), ("session", session.id, "--json")):
        told = run("inspect", *words, cwd=tmp_path, env=env)
        assert told.returncode == 0
        assert session.id in told.stdout
        shown += told.stdout
    assert digest not in shown
    assert token.partition(".")[2] not in shown


def test_without_any_redis_it_says_what_to_do(tmp_path: Path) -> None:
    told = run("inspect", cwd=tmp_path)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == "Error: no embedded Valkey runs on .unbroken; start `unbroken up` there, or set REDIS_URL\n"


async def test_a_session_is_exported_and_deleted(backend: Backend, settings: Settings, tmp_path: Path) -> None:
    session = (await backend.store.create("Ada"))[1].id
    await backend.queue.accept(session, "a", "What?")
    env = {"REDIS_URL": str(settings.redis_url), "UNBROKEN_PREFIX": settings.prefix}
    told = run("inspect", "export", session, cwd=tmp_path, env=env)
    assert told.stdout.startswith("# Ada\n")
    assert told.stdout.endswith("What?\n")
    told = run("inspect", "export", session, "--json", cwd=tmp_path, env=env)
    assert msgspec.json.decode(told.stdout)["messages"][0]["id"] == "a"
    assert run("inspect", "delete", session, cwd=tmp_path, env=env).returncode == 0
    gone = run("inspect", "delete", session, cwd=tmp_path, env=env)
    assert (gone.returncode, "expired or was deleted" in gone.stderr) == (1, True)
