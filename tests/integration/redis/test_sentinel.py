"""Three Sentinels, and a primary that is killed, frozen or cut off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from tests.integration.redis.conftest import OpenBackend
from tests.integration.redis.traffic import Traffic
from tests.topologies import Sentinels, Server
from tests.topologies.server import eventually
from unbroken.errors import ConfigurationError

pytestmark = pytest.mark.usefixtures("_bundled")


@pytest.fixture
async def sentinels() -> AsyncIterator[Sentinels]:
    async with Sentinels() as sentinels:
        yield sentinels


async def clients(server: Server) -> list[str]:
    """The names of our connections to a server."""
    rows = (await server.ask("CLIENT", "LIST")).splitlines()
    names = [dict(pair.split("=", 1) for pair in row.split())["name"] for row in rows]
    return [name for name in names if name.startswith("unbroken") and name != "unbroken-topology"]


async def test_a_killed_primary_is_replaced_and_nothing_acknowledged_is_lost(
    open_backend: OpenBackend, record_property: Callable[[str, object], None]
) -> None:
    async with Sentinels(replicas=2) as sentinels:
        backend = await open_backend(
            sentinels.address, ack="replica", ack_timeout=0.3, partitions=4, inbox_limit=1000, redis_timeout=30
        )
        traffic = await Traffic.begin(backend)
        old = sentinels.primary
        old.kill()
        await sentinels.promoted()
        await traffic.goes_on()
        record_property("longest", traffic.longest)
        await old.start()
        await sentinels.demoted(old)
        await traffic.goes_on()

        async def gathered() -> bool:
            await sentinels.decided()  # a busy machine may make them change their mind once more
            others = [name for replica in sentinels.replicas for name in await clients(replica)]
            return not others and {"unbroken", "unbroken-acks", "unbroken-live"} <= set(
                await clients(sentinels.primary)
            )

        await eventually(gathered, "nobody talking to a replica, be it the old primary")
        assert all(traffic.gaps.values())
        await traffic.end()


async def test_a_frozen_primary_holds_nobody_up_once_another_is_promoted(
    sentinels: Sentinels, open_backend: OpenBackend
) -> None:
    backend = await open_backend(sentinels.address, partitions=2, redis_timeout=60)
    router, tag = backend.redis.router, backend.keys.tags[0]
    ready = backend.redis.ready((tag,), "worker")
    reading = asyncio.create_task(ready.read(60))
    old = sentinels.primary

    async def blocked() -> bool:
        return "unbroken-ready" in await clients(sentinels.primary)

    await eventually(blocked, "the blocked read")
    await sentinels.caught_up()
    old.freeze()
    try:
        waiting = asyncio.create_task(router.command(tag, "ECHO", "x"))
        await sentinels.promoted()
        started = time.monotonic()
        assert await waiting == b"x"
        await eventually(blocked, "the blocked read at the new primary")
        assert time.monotonic() - started < 50, "a read may be silent for a minute, and this one was not waited for"
        await router.command(tag, "XADD", backend.keys.partition(tag).ready, "7-0", "s", "session")
        assert await reading == [("7-0", "session")]
    finally:
        old.thaw()
    await sentinels.demoted(old)

    async def deserted() -> bool:
        return await clients(old) == []

    await eventually(deserted, "the end of all connections to the old primary")


async def test_a_primary_that_is_cut_off_but_answers_us_is_left(open_backend: OpenBackend) -> None:
    async with Sentinels(doors=True) as sentinels:
        backend = await open_backend(sentinels.address, partitions=2)
        router, tag = backend.redis.router, backend.keys.tags[0]
        gaps: list[str] = []
        live = backend.redis.live(lambda channel, payload: None, gaps.append)
        await live.subscribe("channel", tag)
        reading = asyncio.create_task(backend.redis.ready((tag,), "worker").read(60))
        old, lonely = sentinels.primary, sentinels.sentinels[0]
        sentinels.cut_off(old, lonely)
        await router.command(tag, "SET", "who", "old")
        new = await sentinels.promoted(lonely)
        # One Sentinel still names the old one, which answers, and would take every write.
        assert int((await lonely.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "chat"))[1]) == old.port

        async def deserted() -> bool:
            return await clients(old) == []

        await eventually(deserted, "the end of all connections to the old primary")
        await router.command(tag, "SET", "who", "new")
        assert (await old.ask("GET", "who"), await new.ask("GET", "who")) == ("old", "new")
        await eventually(lambda: _true(gaps == ["channel"]), "the gap")
        await router.command(tag, "XADD", backend.keys.partition(tag).ready, "7-0", "s", "session")
        assert await asyncio.wait_for(reading, 20) == [("7-0", "session")]
        sentinels.heal()
        await sentinels.demoted(old)
        assert await router.command(tag, "GET", "who") == b"new"


async def _true(value: bool) -> bool:
    return value


async def test_one_sentinel_that_answers_is_enough(sentinels: Sentinels, open_backend: OpenBackend) -> None:
    sentinels.sentinels[0].kill()
    sentinels.sentinels[1].freeze()
    started = asyncio.get_running_loop().time()
    backend = await open_backend(sentinels.address)
    assert await backend.redis.router.command("0", "ECHO", "x") == b"x"
    assert asyncio.get_running_loop().time() - started < 10
    sentinels.sentinels[1].thaw()


async def test_what_is_wrong_at_the_start_is_one_sentence(sentinels: Sentinels, open_backend: OpenBackend) -> None:
    hosts, _, _ = sentinels.address.rpartition("/")
    with pytest.raises(ConfigurationError, match="knows no primary of the name 'nobody'; correct the name"):
        await open_backend(f"{hosts}/nobody")
    with pytest.raises(ConfigurationError, match="does not say what the Sentinels call the primary"):
        await open_backend(hosts)
    with pytest.raises(ConfigurationError, match=r"points to a Sentinel; write redis\+sentinel://127.0.0.1:\d+/name"):
        await open_backend(sentinels.sentinels[0].address)
    with pytest.raises(ConfigurationError, match="is a replica, which takes no writes"):
        await open_backend(sentinels.replicas[0].address)
    for sentinel in sentinels.sentinels:
        await sentinel.ask("ACL", "SETUSER", "default", "resetpass", ">s3cret")
    with pytest.raises(ConfigurationError, match=r"refuses the login; check \?sentinel_username= and"):
        await open_backend(sentinels.address)
    backend = await open_backend(f"{sentinels.address}?sentinel_password=s3cret")
    assert await backend.redis.router.command("0", "ECHO", "x") == b"x"
    for sentinel in sentinels.sentinels:
        sentinel.kill()
    with pytest.raises(ConfigurationError, match="cannot connect to Sentinel"):
        await open_backend(sentinels.address)
    assert await backend.redis.router.command("0", "ECHO", "x") == b"x", "who is connected needs no Sentinel"


async def test_the_primary_has_a_login_of_its_own(open_backend: OpenBackend) -> None:
    async with Sentinels(requirepass="s3cret", masterauth="s3cret") as sentinels:
        with pytest.raises(ConfigurationError, match="wants a login; set REDIS_PASSWORD"):
            await open_backend(sentinels.address)
        backend = await open_backend(sentinels.address, redis_password="s3cret")
        assert await backend.redis.router.command("0", "ECHO", "x") == b"x"
