from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.unit.redis.server import SILENCE, Answer, ScriptedServer, until
from tests.unit.redis.two import Two
from unbroken.errors import ConfigurationError, Unavailable
from unbroken.keys import slot
from unbroken.redis.router import Remedy, Router, Script, classify, redirection
from unbroken.redis.topology import Node
from unbroken.redis.wire import RedisReplyError

SCRIPT = Script("accept", "c0ffee", "return 1")
TAG = "3x"


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("MOVED 3999 127.0.0.1:6381", Remedy.FOLLOW),
        ("ASK 3999 127.0.0.1:6381", Remedy.ASK),
        ("TRYAGAIN Multiple keys request during rehashing of slot", Remedy.WAIT),
        ("CLUSTERDOWN The cluster is down", Remedy.WAIT),
        ("LOADING Redis is loading the dataset in memory", Remedy.WAIT),
        ("BUSY Redis is busy running a script.", Remedy.WAIT),
        ("READONLY You can't write against a read only replica.", Remedy.LEAVE),
        ("MASTERDOWN Link with MASTER is down", Remedy.LEAVE),
        ("NOSCRIPT No matching script.", Remedy.LOAD),
        ("OOM command not allowed when used memory > 'maxmemory'.", Remedy.REFUSE),
        ("MISCONF Errors writing to the AOF file", Remedy.REFUSE),
        ("NOREPLICAS Not enough good replicas to write.", Remedy.REFUSE),
        ("ERR unknown command", Remedy.RAISE),
        ("WRONGTYPE Operation against a key", Remedy.RAISE),
        ("NOGROUP No such key", Remedy.RAISE),
        ("BUSYGROUP Consumer Group name already exists", Remedy.RAISE),
        ("NOPERM this user has no permissions", Remedy.RAISE),
    ],
)
def test_every_error_reply_has_one_remedy(text: str, remedy: Remedy) -> None:
    assert classify(RedisReplyError(text)) is remedy


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (ConnectionError("lost"), Remedy.RECONNECT),
        (OSError("no route"), Remedy.RECONNECT),
        (TimeoutError(), Remedy.RECONNECT),
        (ConfigurationError("no cluster"), Remedy.RAISE),
        (ValueError("wrong"), Remedy.RAISE),
    ],
)
def test_every_other_error_has_one_remedy(error: Exception, remedy: Remedy) -> None:
    assert classify(error) is remedy


def test_a_redirection_names_slot_and_node() -> None:
    asked = Node("10.0.0.1", 6379)
    assert redirection(RedisReplyError("MOVED 3999 10.0.0.7:6381"), asked) == (3999, Node("10.0.0.7", 6381))
    assert redirection(RedisReplyError("MOVED 3999 :6381"), asked) == (3999, Node("10.0.0.1", 6381))
    assert redirection(RedisReplyError("ASK 1 fe80::7:6381"), asked) == (1, Node("fe80::7", 6381))


async def test_a_script_runs_by_its_hash(server: ScriptedServer, build_router: Callable[..., Router]) -> None:
    server.on("EVALSHA", b"*2\r\n+OK\r\n+1-5\r\n")
    assert await build_router().run(TAG, SCRIPT, ("a", "b"), ("c", 7, b"\xff")) == [b"OK", b"1-5"]
    assert server.commands == [[b"EVALSHA", b"c0ffee", b"2", b"a", b"b", b"c", b"7", b"\xff"]]


async def test_an_unknown_script_is_loaded_once_for_all(
    server: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    known = False

    def evaluate(session: object) -> bytes:
        return b":1\r\n" if known else b"-NOSCRIPT No matching script.\r\n"

    def load(session: object) -> bytes:
        nonlocal known
        known = True
        return b"$6\r\nc0ffee\r\n"

    server.on("EVALSHA", evaluate)
    server.on("SCRIPT LOAD", load)
    router = build_router()
    await router.command(TAG, "PING")
    assert await asyncio.gather(*(router.run(TAG, SCRIPT, (), (n,)) for n in range(20))) == [1] * 20
    assert server.named("SCRIPT") == [[b"SCRIPT", b"LOAD", b"return 1"]]
    known = False  # SCRIPT FLUSH
    assert await router.run(TAG, SCRIPT, (), ()) == 1
    assert len(server.named("SCRIPT")) == 2


async def test_a_caller_that_goes_away_while_a_script_is_loaded_harms_no_other(
    server: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    server.on("EVALSHA", b"-NOSCRIPT No\r\n", b"-NOSCRIPT No\r\n", b":1\r\n")
    server.on("SCRIPT", SILENCE)
    router = build_router()
    await router.command(TAG, "PING")
    calls = [asyncio.create_task(router.run(TAG, SCRIPT, (), ())) for _ in range(2)]
    await until(lambda: bool(server.named("SCRIPT")))
    calls[0].cancel()
    server.sessions[0].writer.write(b"+c0ffee\r\n")
    assert await calls[1] == 1


@pytest.mark.parametrize(
    "refusal",
    [b"-TRYAGAIN now\r\n", b"-CLUSTERDOWN now\r\n", b"-LOADING now\r\n", b"-BUSY now\r\n"],
)
async def test_what_passes_is_waited_for(
    server: ScriptedServer, second: ScriptedServer, build_router: Callable[..., Router], refusal: bytes
) -> None:
    topology = Two(server, second)
    server.on("EVALSHA", refusal, refusal, b":1\r\n")
    assert await build_router(topology).run(TAG, SCRIPT, (), ()) == 1
    assert len(server.named("EVALSHA")) == 3
    assert topology.refreshes == 2
    assert len(server.sessions) == 1


@pytest.mark.parametrize("refusal", [b"-READONLY You can't write\r\n", b"-MASTERDOWN Link is down\r\n"])
async def test_a_server_that_is_no_primary_any_more_is_left(
    server: ScriptedServer, build_router: Callable[..., Router], refusal: bytes
) -> None:
    server.on("EVALSHA", refusal, b":1\r\n")
    assert await build_router().run(TAG, SCRIPT, (), ()) == 1
    assert [len(session.commands) for session in server.sessions] == [1, 1]


async def test_a_moved_slot_is_followed_and_remembered(
    server: ScriptedServer, second: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    topology = Two(server, second)
    server.on("GET", b"-MOVED %d 127.0.0.1:%d\r\n" % (slot(TAG), second.port))
    router = build_router(topology)
    assert await router.command(TAG, "GET", "k") == b"OK"
    assert topology.moves == [(slot(TAG), topology.second)]
    assert await router.command(TAG, "GET", "k") == b"OK"
    assert len(server.named("GET")) == 1
    assert len(second.named("GET")) == 2


async def test_a_moved_slot_is_no_secret_where_there_is_one_server(
    server: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    server.on("GET", b"-MOVED 1 127.0.0.1:7\r\n")
    with pytest.raises(ConfigurationError, match="has become part of a cluster"):
        await build_router().command(TAG, "GET", "k")


async def test_a_moving_slot_is_asked_for_once_and_not_remembered(
    server: ScriptedServer, second: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    topology = Two(server, second)
    server.on("GET", b"-ASK 1 127.0.0.1:%d\r\n" % second.port, b"+here\r\n")
    second.on("GET", b"+there\r\n")
    router = build_router(topology)
    assert await router.command(TAG, "GET", "k") == b"there"
    assert second.commands == [[b"ASKING"], [b"GET", b"k"]]
    assert topology.moves == []
    assert await router.command(TAG, "GET", "k") == b"here"


async def test_a_script_is_loaded_where_the_slot_moves_to_and_asked_for_again(
    server: ScriptedServer, second: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    server.on("EVALSHA", b"-ASK 1 127.0.0.1:%d\r\n" % second.port)
    second.on("EVALSHA", b"-NOSCRIPT No matching script.\r\n", b":1\r\n")
    assert await build_router(Two(server, second)).run(TAG, SCRIPT, (), ()) == 1
    assert [words[0] for words in second.commands] == [b"ASKING", b"EVALSHA", b"SCRIPT", b"ASKING", b"EVALSHA"]


async def test_a_pipeline_asks_before_each_command(
    server: ScriptedServer, second: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    server.on("GET", b"-ASK 1 127.0.0.1:%d\r\n" % second.port)
    second.on("GET", b"+a\r\n", b"+b\r\n")
    assert await build_router(Two(server, second)).pipeline(TAG, ("GET", "a"), ("GET", "b")) == [b"a", b"b"]
    assert [words[0] for words in second.commands] == [b"ASKING", b"GET", b"ASKING", b"GET"]


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (b"-OOM command not allowed\r\n", "Redis has no memory left"),
        (b"-MISCONF Errors writing\r\n", "Redis cannot write to its disk"),
        (b"-NOREPLICAS Not enough\r\n", "Redis has too few replicas to write"),
    ],
)
async def test_a_server_that_cannot_write_refuses_at_once(
    server: ScriptedServer, build_router: Callable[..., Router], refusal: bytes, message: str
) -> None:
    server.on("EVALSHA", refusal)
    with pytest.raises(Unavailable, match=message) as caught:
        await build_router(timeout=60).run(TAG, SCRIPT, (), ())
    assert caught.value.retry_after > 0
    assert len(server.named("EVALSHA")) == 1


@pytest.mark.parametrize("half", [b"", b"*2\r\n+OK\r\n$10\r\nabc"])
async def test_after_a_cut_everything_is_sent_again_on_one_new_connection(
    server: ScriptedServer, build_router: Callable[..., Router], half: bytes
) -> None:
    replies: list[Answer] = [lambda session: session.cut(half), *(b":%d\r\n" % n for n in range(10))]
    server.on("EVALSHA", *replies)
    router = build_router()
    await router.command(TAG, "PING")
    assert sorted(await asyncio.gather(*(router.run(TAG, SCRIPT, (), (n,)) for n in range(10)))) == list(range(10))
    assert len(server.sessions) == 2


async def test_a_silent_server_is_left_and_then_given_up(
    server: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    server.on("GET", SILENCE)
    started = asyncio.get_running_loop().time()
    router = build_router(timeout=0.2)
    with pytest.raises(Unavailable, match=r"did not answer within 0\.2 s") as caught:
        await router.command(TAG, "GET", "k")
    assert asyncio.get_running_loop().time() - started < 0.6
    assert isinstance(caught.value.__cause__, ConnectionError)
    await until(lambda: server.sessions[0].writer.is_closing())


async def test_a_server_that_is_not_there_is_given_up_after_the_deadline(
    server: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    router = build_router(timeout=0.15)
    server.stop_listening()
    with pytest.raises(Unavailable, match=r"did not answer within 0\.15 s"):
        await router.command(TAG, "PING")


async def test_a_wrong_command_is_its_callers_problem(
    server: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    server.on("GET", b"-WRONGTYPE Operation against a key\r\n")
    router = build_router()
    with pytest.raises(RedisReplyError, match="WRONGTYPE"):
        await router.command(TAG, "GET", "k")
    with pytest.raises(RedisReplyError, match="WRONGTYPE"):
        await router.pipeline(TAG, ("PING",), ("GET", "k"))
    pong, error = await router.pipeline(TAG, ("PING",), ("GET", "k"), errors=True)
    assert pong == b"PONG"
    assert isinstance(error, RedisReplyError)
    with pytest.raises(UnicodeEncodeError):
        await router.command(TAG, "SET", "k", "\udc00")
    assert len(server.named("GET")) == 3


async def test_a_pipeline_is_repeated_as_a_whole(server: ScriptedServer, build_router: Callable[..., Router]) -> None:
    server.on("GET", b"+a\r\n", b"-LOADING now\r\n", b"+a\r\n", b"+b\r\n")
    assert await build_router().pipeline(TAG, ("GET", "a"), ("GET", "b"), errors=True) == [b"a", b"b"]
    assert len(server.named("GET")) == 4


async def test_a_cancelled_caller_leaves_the_others_their_own_replies(
    server: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    server.on("GET", *(b"+%d\r\n" % n for n in range(20)))
    router = build_router()
    await router.command(TAG, "PING")
    calls = [asyncio.create_task(router.command(TAG, "GET", n)) for n in range(20)]
    await asyncio.sleep(0)
    for call in calls[::3]:
        call.cancel()
    for number, call in enumerate(calls):
        if number % 3:
            assert await call == b"%d" % number


async def test_send_is_sent_once_and_reports_every_reply(
    server: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    server.on("XADD", b"-ERR The ID specified in XADD is equal or smaller\r\n")
    server.on("SPUBLISH", b":2\r\n")
    router = build_router()
    await router.command(TAG, "PING")
    refused, published = await router.send(TAG, [("XADD", "log", "1-1", "k", "d"), ("SPUBLISH", "events", b"x")])
    assert isinstance(refused, RedisReplyError)
    assert published == 2
    server.on("XADD", lambda session: session.cut())
    with pytest.raises(ConnectionError):
        await router.send(TAG, [("XADD", "log", "1-2", "k", "d")])
    assert len(server.named("XADD")) == 2


async def test_send_without_a_connection_fails_and_begins_to_connect(
    server: ScriptedServer, build_router: Callable[..., Router]
) -> None:
    router = build_router()
    with pytest.raises(ConnectionError, match="not connected"):
        await router.send(TAG, [("PING",)])
    router.send(TAG, [("PING",)])  # nobody looks at this one, and nobody is warned
    await until(lambda: bool(server.logins))
    assert await router.command(TAG, "PING") == b"PONG"
    assert await router.send(TAG, [("PING",)]) == [b"PONG"]


async def test_a_closed_router_says_so_at_once(server: ScriptedServer, build_router: Callable[..., Router]) -> None:
    router = build_router(timeout=60)
    server.on("GET", SILENCE)
    await router.command(TAG, "PING")
    waiting = asyncio.create_task(router.command(TAG, "GET", "k"))
    await until(lambda: bool(server.named("GET")))
    await router.close()
    for call in (waiting, router.command(TAG, "GET", "k")):
        with pytest.raises(Unavailable, match="was closed"):
            await call
