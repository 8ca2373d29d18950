from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.conftest import make_settings
from tests.unit.redis.server import SILENCE, Answer, ScriptedServer, Session, hello, until
from unbroken.errors import ConfigurationError, Unavailable
from unbroken.redis.client import RedisClient

JSON = "use Redis 8, Redis Stack 7, or Valkey with valkey-json (container image valkey/valkey-bundle)"


def bulk(text: str) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(text), text.encode())


@pytest.fixture
def good(server: ScriptedServer) -> ScriptedServer:
    """A server that passes."""
    server.on("JSON.GET", b"_\r\n")
    server.on("INFO", bulk("# Memory\r\nused_memory:1\r\nmaxmemory_policy:noeviction\r\n"))
    server.on("CONFIG", b"%2\r\n+appendonly\r\n+yes\r\n+appendfsync\r\n+always\r\n")
    server.on("HGET", b"$1\r\n4\r\n")
    server.on("WAIT", b":1\r\n")
    return server


async def start(server: ScriptedServer, url: str | None = None, **options: Any) -> None:
    settings = make_settings(url or server.address, **{"prefix": "ub", "partitions": 4, "redis_timeout": 2} | options)
    client = await RedisClient.open(url or server.address, settings)
    await client.close()


async def refusal(server: ScriptedServer, url: str | None = None, **options: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        await start(server, url, **options)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    return str(caught.value)


async def test_a_good_server_passes(good: ScriptedServer) -> None:
    await start(good)
    await start(good, ack="disk")
    await start(good, ack="replica")


async def test_the_first_connection_may_take_longer_than_a_request(good: ScriptedServer) -> None:
    def slowly(session: Session) -> bytes:
        asyncio.get_running_loop().call_later(0.3, session.writer.write, hello())
        return SILENCE

    good.on("HELLO", slowly, hello(), slowly, hello())  # redis-py's and ours, of the first two connections
    await start(good, redis_timeout=0.4)


async def test_nobody_there(good: ScriptedServer) -> None:
    good.stop_listening()
    assert await refusal(good, f"redis://me:s3cret@127.0.0.1:{good.port}") == (
        f"cannot connect to Redis (Error 111 connecting to 127.0.0.1:{good.port}. Connect call failed "
        f"('127.0.0.1', {good.port}).); start it, or correct REDIS_URL"
    )


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (b"-WRONGPASS invalid\r\n", "refuses the login; check REDIS_USER and REDIS_PASSWORD"),
        (b"-NOPERM User me has no permissions\r\n", "refuses the login; check REDIS_USER and REDIS_PASSWORD"),
        (b"-ERR unknown command `HELLO`\r\n", f"is too old, it does not know HELLO; {JSON}"),
        (hello(role="replica"), "is a replica, which takes no writes; point REDIS_URL to its primary"),
    ],
)
async def test_a_server_that_does_not_let_us_in(good: ScriptedServer, reply: bytes, sentence: str) -> None:
    good.on("HELLO", reply)
    assert (await refusal(good, f"redis://me:s3cret@127.0.0.1:{good.port}")).endswith(
        f"at 127.0.0.1:{good.port} {sentence}"
    )


async def test_a_server_that_wants_a_login(good: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    good.on("HELLO", b"-NOAUTH HELLO must be called with the client already authenticated\r\n")
    assert await refusal(good) == (
        f"Redis at 127.0.0.1:{good.port} wants a login; set REDIS_PASSWORD, and REDIS_USER if it has users"
    )
    assert caplog.records == []


@pytest.mark.parametrize(
    ("greeting", "sentence"),
    [
        (hello(server="redis", version="6.2.14"), f"redis 6.2.14 is too old, 7.0 is needed; {JSON}"),
        (hello(server="valkey", version="7.0.1"), f"valkey 7.0.1 is too old, 7.2 is needed; {JSON}"),
    ],
)
async def test_a_server_that_is_too_old(good: ScriptedServer, greeting: bytes, sentence: str) -> None:
    good.on("HELLO", greeting)
    assert await refusal(good) == sentence


async def test_a_sentinel_is_told_apart(good: ScriptedServer) -> None:
    good.on("HELLO", hello(mode="sentinel"))
    assert await refusal(good) == (
        f"REDIS_URL points to a Sentinel; write redis+sentinel://127.0.0.1:{good.port}/name, with the name that it has "
        "for the primary"
    )


async def test_a_cluster_without_slots_is_not_one_yet(good: ScriptedServer) -> None:
    good.on("HELLO", hello(mode="cluster"))
    good.on("CLUSTER INFO", bulk("cluster_state:fail\r\ncluster_current_epoch:0\r\n"))
    good.on("CLUSTER SLOTS", b"*0\r\n")
    assert await refusal(good) == "the cluster has not given its slots to servers yet; create it first"


async def test_several_servers_have_to_be_a_cluster(good: ScriptedServer) -> None:
    where = f"127.0.0.1:{good.port}"
    assert await refusal(good, f"redis://{where},localhost:1") == (
        f"REDIS_URL has several servers, but {where} is not part of a cluster; name one, or write redis+sentinel://"
    )


@pytest.mark.parametrize(
    ("server_name", "version"), [("redis", "7.0.0"), ("redis", "8.0-rc1"), ("valkey", "10.1"), ("other", "1")]
)
async def test_a_version_that_is_young_enough(good: ScriptedServer, server_name: str, version: str) -> None:
    good.on("HELLO", hello(server=server_name, version=version))
    await start(good)


async def test_a_server_without_json(good: ScriptedServer) -> None:
    good.on("JSON.GET", b"-ERR unknown command 'JSON.GET', with args beginning with: 'x'\r\n")
    assert await refusal(good) == f"this server has no JSON; {JSON}"
    await until(lambda: all(session.writer.is_closing() for session in good.sessions))


async def test_a_server_that_evicts(good: ScriptedServer) -> None:
    good.on("INFO", bulk("maxmemory_policy:allkeys-lru\r\n"))
    assert await refusal(good) == (
        "Redis would delete live sessions to save memory; set its maxmemory-policy to noeviction (it is allkeys-lru)"
    )


async def test_a_server_that_does_not_tell_its_policy_is_warned_of(
    good: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    good.on("INFO", b"-NOPERM User me has no permissions to run the 'info' command\r\n")
    await start(good)
    assert "make sure that maxmemory-policy is noeviction" in caplog.text


@pytest.mark.parametrize("config", [(b"yes", b"everysec"), (b"no", b"always")])
async def test_ack_disk_needs_every_write_synced(good: ScriptedServer, config: tuple[bytes, bytes]) -> None:
    good.on("CONFIG", b"%%2\r\n+appendonly\r\n+%b\r\n+appendfsync\r\n+%b\r\n" % config)
    await start(good)
    assert await refusal(good, ack="disk") == (
        "UNBROKEN_ACK=disk needs a Redis that syncs every write; set appendonly to yes and appendfsync to always"
    )


async def test_ack_replica_without_replicas_is_warned_of(
    good: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    await start(good, ack="replica", ack_replicas=2)
    assert "waits for 2 replicas, but 1 are connected" in caplog.text


@pytest.mark.parametrize("command", ["JSON.GET", "HGET", "EVAL", "SPUBLISH"])
async def test_a_missing_permission_is_named(good: ScriptedServer, command: str) -> None:
    good.on(command, f"-NOPERM User me has no permissions to run the '{command}' command\r\n".encode())
    assert await refusal(good) == (
        f"the Redis user lacks a permission (NOPERM User me has no permissions to run the '{command}' command); "
        "give it ~ub:* &ub:* +@all -@admin -@dangerous +info +client|unblock"
    )


async def test_the_number_of_partitions_is_recorded_and_kept(good: ScriptedServer) -> None:
    good.on("HGET", b"_\r\n", b"$1\r\n4\r\n")
    await start(good)
    assert good.named("HSETNX") == [[b"HSETNX", b"ub:meta", b"partitions", b"4"]]
    good.on("HGET", b"$2\r\n16\r\n")
    assert await refusal(good) == (
        "this deployment was started with 16 partitions; set UNBROKEN_PARTITIONS=16 (it is 4), or another "
        "UNBROKEN_PREFIX for a new one"
    )
    assert len(good.named("HSETNX")) == 1


async def test_a_server_that_loads_its_data_is_waited_for(
    good: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "unbroken.redis")
    loading = b"-LOADING Redis is loading the dataset in memory\r\n"
    good.on("PING", loading, loading, b"+PONG\r\n")
    await start(good)
    assert [record.getMessage() for record in caplog.records] == ["Redis is loading its data; waiting for it"]


async def test_a_server_that_goes_away_meanwhile_is_unavailable(good: ScriptedServer) -> None:
    answers: list[Answer] = [lambda session: (good.stop_listening(), session.cut())[1]]  # type: ignore[func-returns-value]
    good.on("JSON.GET", *answers)
    with pytest.raises(Unavailable):
        await start(good, redis_timeout=0.2)
