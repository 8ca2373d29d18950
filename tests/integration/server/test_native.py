"""`unbroken.v1` on real sockets: one server or several, lost messages, lost connections, lost sessions."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import StartValkey, make_settings
from tests.integration.server.author import Author
from tests.integration.server.conftest import Serve
from tests.integration.server.site import Reader, Site, serving, until
from unbroken.backend import Backend
from unbroken.cursor import Cursor
from unbroken.log import Entry
from unbroken.models.scripted import Scripted
from unbroken.protocol import CloseCode
from unbroken.server.bounds import Bounds
from unbroken.server.dialects.native import Native

COUNT = "".join(f"{n} " for n in range(1, 101))


async def told_exactly(reader: Reader, bot: Scripted) -> None:
    """Reads all of COUNT, then the end of the reply, which waits for that and says the same."""
    while len(reader.said) < len(COUNT):
        await reader.event()
    assert reader.said == COUNT
    bot.open("end")
    assert (await reader.until("reply.completed"))["message"]["msg"] == COUNT


async def test_a_conversation(site: Site, bot: Scripted) -> None:
    token, session = await site.session()
    async with site.native(token) as reader:
        assert reader.socket.subprotocol == "unbroken.v1"
        ready = await reader.event()
        assert ready["session"]["id"] == session
        assert ready["limits"] == {"message_bytes": 65_536, "inbox": 20, "session_ttl": 600}
        assert await reader.event() == {"type": "snapshot", "cursor": "0-0.0-0.0-0", "messages": [], "name": "Ada"}
        await reader.send("a", "count 3; think hm; say done")
        done = await reader.until("reply.completed")
        assert done["message"]["msg"] == "1 2 3 done"
        assert done["message"]["reply_to"] == "a"
        assert reader.types[2:4] == ["message.accepted", "reply.started"]
        assert done["message"]["parts"] == [{"type": "reasoning", "text": "hm"}]
        assert len({event["cursor"] for event in reader.events[1:]}) == len(reader.events) - 1


async def test_the_same_id_twice_is_one_message(site: Site, bot: Scripted) -> None:
    token, _ = await site.session()
    async with site.native(token) as reader:
        for _ in range(3):
            await reader.send("a", "one")
        await reader.send("b", "two")
        await reader.until("reply.completed")
        await reader.until("reply.completed")
        assert [message["msg"] for message in sorted(reader.messages, key=lambda m: m["turn"])] == ["one"] * 2 + [
            "two"
        ] * 2
        assert "error" not in reader.types


async def test_everyone_sees_the_same_through_one_subscription(site: Site, bot: Scripted) -> None:
    token, _ = await site.session()
    async with site.native(token) as one, site.native(token) as two:
        await one.until("snapshot")
        await two.until("snapshot")
        assert site.service.hub.sessions == 1
        await one.send("a", "count 20")
        await one.until("reply.completed")
        await two.until("reply.completed")
        assert one.events[1:] == two.events[1:]
    await until(lambda: site.service.hub.sessions == 0)


async def test_a_reply_goes_on_at_another_server_where_it_was_left(serve: Serve, bot: Scripted) -> None:
    first, second = await serve(), await serve()
    token, _ = await first.session()
    async with first.native(token) as reader:
        await reader.send("a", "pace 0.005; count 100; wait end")
        while len(reader.said) < 50:
            await reader.event()
        seen, cursor = reader.said, reader.cursor
        reader.socket.transport.abort()
    async with second.native(token, cursor) as again:
        again.said = seen
        await told_exactly(again, bot)
        assert "snapshot" not in again.types
        assert "reply.started" not in again.types


async def test_a_cursor_that_nobody_knows_is_a_snapshot(site: Site, bot: Scripted) -> None:
    token, _ = await site.session()
    async with site.native(token) as reader:
        await reader.send("a", "one")
        await reader.until("reply.completed")
        start = "0-0.0-0.0-0"
        for cursor in ("nonsense", "9-9.9-9.0-0", "1" * 20 + "-0.0-0.0-0", start):
            async with site.native(token, cursor) as other:
                assert [(await other.event())["type"] for _ in range(2)] == ["session.ready", "snapshot"]
                assert [message["msg"] for message in other.messages] == ["one", "one"]
                assert other.cursor == reader.cursor


async def test_what_a_running_reply_said_follows_its_snapshot(site: Site, bot: Scripted) -> None:
    token, _ = await site.session()
    async with site.native(token) as reader:
        await reader.send("a", "say this was said; wait go; say , and this")
        while reader.said != "this was said":
            await reader.event()
        async with site.native(token) as late:
            while late.said != "this was said":
                await late.event()
            assert late.types[:3] == ["session.ready", "snapshot", "reply.started"]
            bot.open("go")
            assert (await late.until("reply.completed"))["message"]["msg"] == "this was said, and this"


async def test_resume_on_the_same_socket(site: Site, bot: Scripted) -> None:
    token, _ = await site.session()
    async with site.native(token) as reader:
        await reader.send("a", "count 5")
        await reader.until("reply.completed")
        await reader.command("resume")
        await reader.until("snapshot")
        assert [message["msg"] for message in reader.messages] == ["count 5", "1 2 3 4 5 "]
        await reader.command("resume", cursor="rubbish")
        assert (await reader.event())["code"] == "bad_request"
        await reader.command("resume", cursor=reader.cursor)
        await reader.send("b", "more")
        assert (await reader.event())["type"] == "message.accepted"


async def test_cancel(site: Site, bot: Scripted) -> None:
    token, _ = await site.session()
    async with site.native(token) as reader:
        await reader.send("a", "say half; hang")
        await reader.send("b", "never said")
        while reader.said != "half":
            await reader.event()
        await reader.command("reply.cancel", message_id="b")
        await reader.command("reply.cancel", message_id="a")
        assert (await reader.until("reply.cancelled"))["message"]["msg"] == "half"
        assert (await reader.until("reply.cancelled"))["message"]["reply_to"] == "b"
        await reader.command("reply.cancel", message_id="x")
        error = await reader.event()
        assert (error["code"], error["message_id"]) == ("unknown_message", "x")


async def test_a_lost_subscription_is_no_lost_event(site: Site, bot: Scripted, backend: Backend) -> None:
    token, _ = await site.session()
    async with site.native(token) as reader:
        await reader.send("a", "pace 0.01; count 100; wait end")
        for length in (40, 120, 200):
            while len(reader.said) < length:
                await reader.event()
            assert await backend.redis.router.command(backend.keys.tags[0], "CLIENT", "KILL", "TYPE", "pubsub") > 0
        await told_exactly(reader, bot)
        cursors = [event["cursor"] for event in reader.events[1:]]
        assert len(set(cursors)) == len(cursors)


async def begun(site: Site, token: str, session: str, backend: Backend) -> Author:
    await backend.queue.accept(session, "a", "?")
    author = Author(backend, session)
    await author.start()
    return author


async def test_a_lost_message_is_found_by_the_next_one(site: Site, backend: Backend) -> None:
    token, session = await site.session()
    async with site.native(token) as reader:
        await reader.until("snapshot")
        author = await begun(site, token, session, backend)
        await author.say("one ")
        await author.say("two ", published=False)
        await author.say("three ", published=False)
        await author.say("four ")
        while reader.said != "one two three four ":
            await reader.event()
        await author.say("five ", published=False)
        await author.end()
        assert (await reader.until("reply.completed"))["message"]["msg"] == "one two three four five "
        assert reader.types.count("snapshot") == 1


async def test_a_lost_last_message_is_found_by_the_idle_check(serve: Serve, backend: Backend) -> None:
    site = await serve(Bounds(idle_check=0.1))
    token, session = await site.session()
    async with site.native(token) as reader:
        await reader.until("snapshot")
        author = await begun(site, token, session, backend)
        await author.say("one ")
        await author.say("two", published=False)
        while reader.said != "one two":
            await reader.event()
        assert reader.types.count("snapshot") == 1


async def test_what_a_replaced_worker_says_is_not_shown(site: Site, backend: Backend) -> None:
    token, session = await site.session()
    async with site.native(token) as reader:
        await reader.until("snapshot")
        old = await begun(site, token, session, backend)
        await old.say("old ")
        new = Author(backend, session)
        await new.start()
        await old.say("stale ", logged=False)
        await new.say("new ")
        await old.say("stale ", logged=False)
        await new.end()
        assert (await reader.until("reply.completed"))["message"]["msg"] == "new "
        assert not any("stale" in event.get("text", "") for event in reader.events)
        assert [event["attempt"] for event in reader.events if event["type"] == "reply.started"] == [1, 2]


async def test_a_foreign_message_on_the_channel_harms_nobody(site: Site, backend: Backend) -> None:
    token, session = await site.session()
    keys = backend.keys.session(session)
    async with site.native(token) as reader:
        await reader.until("snapshot")
        author = await begun(site, token, session, backend)
        for rubbish in ("", "hello", "d 1-x\n{}", "z 1-1\n{}", "a 1-1\n"):
            await backend.redis.router.command(keys.tag, "SPUBLISH", keys.events, rubbish)
        await author.say("fine")
        while reader.said != "fine":
            await reader.event()


async def delete(backend: Backend, session: str) -> None:
    keys = backend.keys.session(session)
    await backend.redis.router.command(keys.tag, "DEL", *keys.owned)


async def test_a_session_that_expires_while_somebody_watches(serve: Serve, backend: Backend) -> None:
    site = await serve(Bounds(idle_check=0.1))
    token, session = await site.session()
    async with site.native(token) as reader:
        await reader.until("snapshot")
        await delete(backend, session)
        assert await reader.ended() == (CloseCode.SESSION_GONE, "session gone")
        assert reader.events[-1]["code"] == "session_gone"


async def test_a_message_to_an_expired_session(site: Site, backend: Backend) -> None:
    token, session = await site.session()
    async with site.native(token) as reader:
        await reader.until("snapshot")
        await delete(backend, session)
        await reader.send("a", "anybody there?")
        assert (await reader.ended())[0] == CloseCode.SESSION_GONE
        assert (reader.events[-1]["code"], reader.events[-1]["message_id"]) == ("session_gone", "a")


async def test_a_session_lives_while_it_is_watched_and_not_longer(serve: Serve, backend: Backend) -> None:
    site = await serve(session_ttl=6)
    token, session = await site.session()
    keys = backend.keys.session(session)

    async def left() -> int:
        found: int = await backend.redis.router.command(keys.tag, "PTTL", keys.doc)
        return found

    async with site.native(token) as reader:
        await reader.until("snapshot")
        async with asyncio.timeout(20):
            least = await left()
            while (now := await left()) <= least:  # until it is renewed
                least = now
                await asyncio.sleep(0.05)
        assert (await site.http.get("/refresh_token", params={"token": token})).status_code == 200
    for key in keys.owned:
        await backend.redis.router.command(keys.tag, "PEXPIRE", key, 300, "LT")
    await asyncio.sleep(0.3)
    async with asyncio.timeout(20):
        while await backend.log.position(session) is not None:
            await asyncio.sleep(0.05)


async def test_an_outage_of_redis_is_waited_out(private_valkey: StartValkey, prefix: str) -> None:
    valkey = private_valkey()
    settings = make_settings(valkey.address, prefix=prefix, redis_timeout=1.0, drain_grace=1.0)
    async with serving(settings, Bounds(retry=0.1)) as site:
        token, _ = await site.session()
        async with site.native(token) as reader:
            await reader.until("snapshot")
            valkey.stop()
            await reader.send("a", "hello?")
            error = await reader.event()
            assert (error["code"], error["message_id"], error["retry_after"]) == ("unavailable", "a", 1.0)
            answer = await site.http.post("/token?name=Ada")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert (await site.http.get("/readyz")).status_code == 503
            assert (await site.http.get("/healthz")).status_code == 200
            valkey.start()
            await _ready(site)
            await reader.send("a", "hello?")
            assert (await reader.event())["type"] == "message.accepted"


async def _ready(site: Site) -> None:
    async with asyncio.timeout(20):
        while (await site.http.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.05)


async def test_a_defect_is_told_by_a_reference_and_nothing_is_shown_past_it(
    site: Site, bot: Scripted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: Native, entry: Entry, cursor: Cursor) -> bytes:
        raise RuntimeError("the password is hunter2")

    token, _ = await site.session()
    async with site.native(token) as reader:
        await reader.until("snapshot")
        monkeypatch.setattr(Native, "shown", broken)
        await reader.send("a", "hello")
        code, reason = await reader.ended()
        assert code == CloseCode.INTERNAL
        error = reader.events[-1]
        assert reader.types == ["session.ready", "snapshot", "error"]
        assert error["code"] == "internal"
        assert error["reference"] in reason
        assert error["reference"] in caplog.text
        assert "hunter2" in caplog.text
        assert "hunter2" not in str(error)
    monkeypatch.undo()
    async with site.native(token, reader.cursor) as again:
        while len(again.messages) < 2:
            await again.event()
        assert again.messages[-1]["msg"] == "hello"


async def test_any_asgi_server_will_do(serve: Serve, bot: Scripted) -> None:
    site = await serve(door=False)
    token, _ = await site.session()
    async with site.native(token) as reader:
        await reader.send("a", "pace 0.001; count 100; wait end")
        await told_exactly(reader, bot)


@pytest.mark.parametrize("raw", ["nonsense", b"\x00", '{"type":"message.send"}'])
async def test_what_is_no_command_is_told_and_the_socket_stays(site: Site, bot: Scripted, raw: str | bytes) -> None:
    token, _ = await site.session()
    async with site.native(token) as reader:
        await reader.until("snapshot")
        await reader.socket.send(raw)
        assert (await reader.event())["code"] == "bad_request"
        await reader.send("a", "fine")
        assert (await reader.until("reply.completed"))["message"]["msg"] == "fine"


async def test_nothing_but_nonsense_ends_the_socket(serve: Serve) -> None:
    site = await serve(Bounds(violations=3))
    token, _ = await site.session()
    async with site.native(token) as reader:
        for _ in range(3):
            await reader.socket.send("x")
        assert (await reader.ended())[0] == CloseCode.BAD_COMMAND
