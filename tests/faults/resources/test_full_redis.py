"""Redis at its `maxmemory`: what is new is refused without a trace, what runs goes on, and it heals by itself."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import OutOfMemoryError

from tests.faults.record import record
from tests.faults.resources.contents import contents
from tests.faults.resources.deployment import MIB, Deploy, Deployment, client
from tests.integration.processes import run
from tests.integration.server.site import Reader

BALLAST = b"ballast"
COUNTED = "".join(f"{number} " for number in range(1, 21))


@contextmanager
def full(deployment: Deployment) -> Iterator[Redis]:
    """Redis with no byte left; with plenty again afterwards."""
    with deployment.commands() as redis:
        redis.config_set("maxmemory", redis.info("memory")["used_memory"] + 8 * MIB)
        size = 0
        try:
            while True:
                size += MIB
                redis.setrange(BALLAST, size, b"x")
        except OutOfMemoryError:
            pass
        redis.config_set("maxmemory", redis.info("memory")["used_memory"] - MIB)
        yield redis
        redis.delete(BALLAST)


async def saying(reader: Reader, text: str) -> None:
    """Reads until a reply has said so much."""
    while len(reader.said) < len(text):
        await reader.event()
    assert reader.said == text


def refusals(redis: Redis) -> int:
    """How often it said so far that it has no memory."""
    return int(redis.info("errorstats")["errorstat_OOM"]["count"])


async def test_whatever_is_new_is_refused_and_leaves_no_trace(deploy: Deploy) -> None:
    deployment = deploy()
    server, worker = deployment.both()
    async with client(server) as site:
        token, session = await site.session()
        path, headers = f"/sessions/{session}", {"Authorization": f"Bearer {token}"}
        async with site.native(token) as reader, site.plain(token) as plain:
            await reader.send("before", "say before")
            await reader.until("reply.completed")
            assert await plain.recv() == "before"
            with full(deployment) as redis:
                was = contents(redis)

                await reader.send("during", "say during")
                error = await reader.until("error")
                assert (error["code"], error["message_id"]) == ("unavailable", "during")
                assert error["retry_after"] > 0
                await plain.send("say during")
                assert str(await plain.recv()).startswith("[error] The store cannot")

                for method, url, body in (
                    ("POST", "/token?name=Bob", None),
                    ("POST", f"{path}/messages", {"id": "during", "text": "say during"}),
                    ("PATCH", path, {"name": "Bob"}),
                ):
                    refused = await site.http.request(method, url, json=body, headers=headers)
                    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1"), refused.text
                    assert "The store cannot" in refused.text

                # What only reads still works: history, snapshot, a second tab.
                assert len((await site.http.get(path, headers=headers)).json()["messages"]) == 2
                async with site.native(token) as second:
                    assert len((await second.until("snapshot"))["messages"]) == 2
                assert (await site.http.get("/readyz")).status_code == 200

                assert contents(redis) == was
            await reader.send("during", "say after all")
            await reader.until("reply.completed")
            assert [message["msg"] for message in reader.messages] == [
                "say before",
                "before",
                "say after all",
                "after all",
            ]
    assert server.output.count("Redis has no memory left") == 1
    assert server.running
    assert worker.running
    record("Redis out of memory", "at accept, create, rename", injections=5, checked="AG", violations={"A": 0})


async def test_running_replies_go_on_and_all_their_words_arrive(deploy: Deploy, tmp_path: Path) -> None:
    deployment = deploy()
    server, worker = deployment.both()
    doors = [tmp_path / name for name in ("middle", "end")]
    for door in doors:
        door.touch()
    middle, end = doors
    async with client(server) as site:
        (first, _), (second, _) = await site.session(), await site.session()
        async with site.native(first) as ends, site.native(second) as outlasts:
            await ends.send("a", f"count 20; wait {middle}; pace 0.01; count 20")
            await outlasts.send("b", f"count 20; wait {middle}; pace 0.04; count 20; wait {end}; count 20")
            await asyncio.gather(*(saying(reader, COUNTED) for reader in (ends, outlasts)))
            with full(deployment):
                middle.unlink()
                # Committed while Redis is full, though most of its chunks were refused.
                completed = await ends.until("reply.completed")
                assert completed["message"]["msg"] == COUNTED * 2
            await saying(outlasts, COUNTED * 2)  # each once, in order, live again before the end
            end.unlink()
            completed = await outlasts.until("reply.completed")
            assert completed["message"]["msg"] == COUNTED * 3
            deltas = [event["text"] for event in outlasts.events if event["type"] == "reply.delta"]
            assert (COUNTED * 3).startswith("".join(deltas))
    worker.until("replies cannot be written now, and wait: OOM")
    worker.until("all replies are written again")
    record("Redis out of memory", "streaming, at finish", injections=2, checked="ACD", violations={"A": 0, "D": 0})


async def test_a_terminal_sends_again_until_there_is_room(deploy: Deploy, tmp_path: Path) -> None:
    deployment = deploy()
    server, _ = deployment.both()
    async with client(server) as site:
        token, _ = await site.session()
        url = f"http://{site.address}"
        with full(deployment) as redis:
            before = refusals(redis)
            terminal = asyncio.create_task(
                asyncio.to_thread(run, "chat", "--url", url, "--token", token, cwd=tmp_path, stdin="say hello\n")
            )
            async with asyncio.timeout(60):
                while refusals(redis) < before + 2:  # refused, and sent again
                    await asyncio.sleep(0.05)
            assert not terminal.done()
        talk = await terminal
        assert (talk.returncode, talk.stdout) == (0, "hello\n"), talk.stderr


async def test_a_session_without_a_worker_is_taken_when_there_is_room(deploy: Deploy) -> None:
    """Accepted in time, claimed while Redis is full: taking it is a write too."""
    deployment = deploy(lease=1.5)
    async with client(deployment.server()) as site:
        token, _ = await site.session()
        earlier = deployment.worker()  # makes the consumer groups
        earlier.signal(signal.SIGTERM)
        earlier.wait()
        async with site.native(token) as reader:
            await reader.send("a", "say taken")
            await reader.until("message.accepted")
            with full(deployment) as redis:
                before = refusals(redis)
                worker = deployment.worker()
                async with asyncio.timeout(60):
                    while refusals(redis) < before + 3:
                        await asyncio.sleep(0.05)
                worker.until("could not be taken; it is left to whoever can")
            completed = await reader.until("reply.completed")
    assert completed["message"]["msg"] == "taken"
    assert [event["attempt"] for event in reader.events if event["type"] == "reply.started"] == [1]
    record("Redis out of memory", "between claim and take", checked="ABE", violations={"A": 0})
