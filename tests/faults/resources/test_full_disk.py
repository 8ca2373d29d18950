"""No room under the embedded Valkey: nothing that was acknowledged is lost, and `unbroken up` says what is wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from tests.faults.record import record
from tests.faults.resources.deployment import BOT, HERE
from tests.faults.resources.disks import Disk, Quota, mounted
from tests.integration.processes import Program, kill, run
from tests.integration.server.site import Client

pytestmark = pytest.mark.usefixtures("_bundled")

COUNTED = "".join(f"{number} " for number in range(1, 21))
LONG = "x" * 2000

Up: TypeAlias = Callable[..., Program]


@pytest.fixture
def up() -> Iterator[Up]:
    """Starts `unbroken up`."""
    with ExitStack() as stack:

        def start(folder: Path, **env: str) -> Program:
            own = {"UNBROKEN_SESSIONS_PER_MINUTE": "0", "UNBROKEN_LEASE": "2", **env}
            program = Program("up", BOT, "--port", "0", "--data-dir", str(folder / "data"), cwd=HERE, env=own)
            stack.callback(lambda: print(program.output))
            stack.callback(program.end)
            return program

        yield start


async def connected(stack: AsyncExitStack, program: Program) -> Client:
    site = Client(program.until(r"Open +http://(\S+)")[1])
    stack.push_async_callback(site.http.aclose)
    return site


class Talk:
    """One session over HTTP, and what was acknowledged in it."""

    def __init__(self, site: Client, token: str, session: str) -> None:
        self.site = site
        self.path = f"/sessions/{session}"
        self.headers = {"Authorization": f"Bearer {token}"}
        self.sent = 0
        self.acknowledged: list[str] = []

    async def send(self, text: str) -> httpx.Response:
        """Sends the next message; one that was not acknowledged is the next again."""
        body = {"id": f"m{self.sent}", "text": text}
        answer = await self.site.http.post(f"{self.path}/messages", json=body, headers=self.headers, timeout=30)
        if answer.status_code == 202:
            self.acknowledged.append(body["id"])
            self.sent += 1
        return answer

    async def replies(self) -> dict[str, str]:
        """Message id → reply."""
        answer = await self.site.http.get(self.path, headers=self.headers)
        if answer.status_code != 200:  # Redis is coming up
            return {}
        messages = answer.json()["messages"]
        replies = [(message["reply_to"], message["msg"]) for message in messages if message["role"] == "assistant"]
        assert len(dict(replies)) == len(replies)
        return dict(replies)

    async def answered(self, timeout: float = 60.0) -> dict[str, str]:
        """Waits until all that was acknowledged has its reply."""
        async with asyncio.timeout(timeout):
            while set(replies := await self.replies()) != set(self.acknowledged):
                await asyncio.sleep(0.1)
        return replies


@pytest.fixture(params=["tmpfs", "quota"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Program | None], Disk]]:
    """A disk for a program that may not be started yet."""
    with ExitStack() as stack:
        if request.param == "tmpfs":
            tmpfs = stack.enter_context(mounted(tmp_path / "disk"))
            yield lambda _: tmpfs
        else:
            yield lambda program: Quota(tmp_path, lambda: program.family()["valkey"].pid if program else 0)


async def test_writes_are_refused_until_there_is_room(
    up: Up, disk: Callable[[Program | None], Disk], tmp_path: Path
) -> None:
    door = tmp_path / "door"
    await asyncio.to_thread(door.touch)
    program = up(disk(None).folder)
    async with AsyncExitStack() as stack:
        site = await connected(stack, program)
        place = disk(program)
        running, talk = Talk(site, *await site.session()), Talk(site, *await site.session())
        assert (await talk.send("say before")).status_code == 202
        await talk.answered()
        assert (await running.send(f"count 20; wait {door}; pace 0.05; count 20")).status_code == 202
        place.fill()
        async with asyncio.timeout(60):
            while (refused := await talk.send(f"say {LONG}")).status_code == 202:
                await asyncio.sleep(0.1)  # the last block of the file still has room
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["error"]["code"] == "unavailable"
        program.until(r"server +Redis cannot write to its disk .*(No space left on device|File too large)")
        await asyncio.to_thread(door.unlink)
        program.until(r"worker +replies cannot be written now, and wait: MISCONF")
        assert (await site.http.get(talk.path, headers=talk.headers)).status_code == 200
        place.empty()
        async with asyncio.timeout(60):
            while (await talk.send(f"say {LONG}")).status_code != 202:
                await asyncio.sleep(0.1)
        assert (await running.answered())["m0"] == COUNTED * 2
        replies = await talk.answered()
        assert set(replies.values()) == {"before", LONG}
        assert "starting it again" not in program.output  # it healed by itself
        kill(program.family()["valkey"])
        program.until("starting it again")
        assert await talk.answered() == replies
    record("disk full", "appendfsync everysec; then kill -9 of Redis", checked="AB", violations={"A": 0})


async def test_with_every_write_synced_it_ends_with_the_reason_and_keeps_what_it_acknowledged(
    up: Up, tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk") as place:
        program = up(place.folder, UNBROKEN_ACK="disk")
        async with AsyncExitStack() as stack:
            site = await connected(stack, program)
            token, session = await site.session()
            talk = Talk(site, token, session)
            assert (await talk.send("say before")).status_code == 202
            await talk.answered()
            place.fill()
            began = time.monotonic()
            while program.running:
                try:
                    await talk.send(f"say {LONG}")
                except httpx.HTTPError:
                    await asyncio.sleep(0.1)
                assert time.monotonic() < began + 90
        assert await asyncio.to_thread(program.wait) == 1
        assert f"3 times in a row; the disk of {place.folder / 'data'} is full; make room" in program.output
        assert program.output.count("starting it again") == 2

        again = await asyncio.to_thread(
            run, "up", BOT, "--port", "0", "--data-dir", str(place.folder / "other"), cwd=HERE
        )
        assert again.returncode == 1
        assert "No space left on device" in again.stderr
        assert "Traceback" not in again.stderr

        place.empty()
        program = up(place.folder, UNBROKEN_ACK="disk")
        async with AsyncExitStack() as stack:
            later = Talk(await connected(stack, program), token, session)
            later.acknowledged = talk.acknowledged
            async with asyncio.timeout(60):
                while not set(talk.acknowledged) <= set(await later.replies()):
                    await asyncio.sleep(0.1)
    record("disk full", "appendfsync always", checked="A", violations={"A": 0})
