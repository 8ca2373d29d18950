"""Agents behind HTTP, over real HTTP; what they send is made with the protocol's own package."""

from __future__ import annotations

import pytest
from ag_ui.core import PROTOCOL_VERSION, BaseEvent, RunAgentInput, RunFinishedEvent, TextMessageChunkEvent
from ag_ui.encoder import EventEncoder

from tests.integration.models.conversation import Speaking, answered, asked, running, said, turn
from tests.integration.models.faulty import Act, FaultyServer, answer, hang_up, stream
from unbroken.models.ag_ui import agent
from unbroken.models.trouble import ModelError
from unbroken.types import Piece, Status


def encoded(event: BaseEvent) -> bytes:
    return EventEncoder().encode(event).encode()


def text(delta: str) -> bytes:
    return encoded(TextMessageChunkEvent(message_id="m", delta=delta))


DONE = encoded(RunFinishedEvent(thread_id="t", run_id="r"))


async def test_the_request() -> None:
    view = [asked(1, "Is it?"), answered(1, "It is."), asked(2, "?"), answered(2, "", Status.FAILED), asked(3, "So?")]
    async with FaultyServer(stream(text("So."), DONE)).running() as server:
        bot = agent(server.url, headers={"Authorization": "Bearer sk-1"})
        assert await said(bot, turn(*view, session="abc", attempt=2)) == ["So."]
    run = RunAgentInput.model_validate(server.requests[0])
    assert (run.thread_id, run.run_id, run.protocol_version) == ("abc", "m3.2", PROTOCOL_VERSION)
    assert [(message.id, message.role, message.content) for message in run.messages] == [
        ("m1", "user", "Is it?"),
        ("m1.reply", "assistant", "It is."),
        ("m2", "user", "?"),
        ("m3", "user", "So?"),
    ]
    assert server.headers[0]["Authorization"] == "Bearer sk-1"
    assert server.headers[0]["Accept"] == "text/event-stream"


async def test_text_is_not_held_back() -> None:
    async with FaultyServer(stream(text("One"), 30.0)).running() as server, running(agent(server.url)) as bot:
        reply = Speaking(bot)
        await reply.says("One")
        await reply.stop()


@pytest.mark.parametrize(
    ("act", "code", "before"),
    [
        (answer(429), "model_busy", []),
        (answer(401, {"error": "no such key"}), "model_auth", []),
        (answer(404), "model_unknown", []),
        (answer(500), "model_unavailable", []),
        (hang_up, "model_unavailable", []),
        (stream(text("I be"), cut=True), "model_cut", ["I be"]),
        (stream(text("I be")), "model_cut", ["I be"]),
        (stream(text("I be"), b"data: <html>\n\n"), "model_garbled", ["I be"]),
        (stream(text("I be"), 30.0), "model_silent", ["I be"]),
        (stream(30.0), "model_silent", []),
    ],
)
async def test_what_goes_wrong_is_named_and_not_repeated(act: Act, code: str, before: list[Piece]) -> None:
    found: list[Piece] = []
    async with FaultyServer(act).running() as server:
        with pytest.raises(ModelError) as caught:
            await said(agent(server.url, timeout=0.5), "Hi", found)
    assert (caught.value.code, found) == (code, before)
    assert len(server.requests) == 1


async def test_nobody_is_there() -> None:
    with pytest.raises(ModelError) as caught:
        await said(agent("http://127.0.0.1:1/"), "Hi")
    assert caught.value.code == "model_unavailable"


async def test_a_stopped_reply_closes_its_connection() -> None:
    async with FaultyServer(stream(text("One"), 30.0)).running() as server:
        target = agent(server.url)
        async with running(target) as bot:
            reply = Speaking(bot)
            await reply.says("One")
            await reply.stop()
            assert target._http is not None
            assert not target._http.connector._acquired  # type: ignore[union-attr]
