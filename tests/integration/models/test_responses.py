"""Responses in the background, over real HTTP: whatever breaks, one text is shown, and the model is asked once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.integration.models.response_server import ResponseServer, Script, thought
from unbroken.models import responses
from unbroken.models import server as module
from unbroken.models.responses import Responses
from unbroken.models.trouble import ModelError
from unbroken.turn import Journal, Turn
from unbroken.types import Data, Message, Part, Piece, Reasoning, Role

USAGE = Data("usage", {"input_tokens": 5, "output_tokens": 3})
COUNT: Script = (thought("Hm, "), thought("hm."), "one ", "two ", "…", "three ", "four")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_pause", lambda tries, asked: 0.01)
    monkeypatch.setattr(responses, "POLL", 0.02)


@asynccontextmanager
async def asking(server: ResponseServer, **more: Any) -> AsyncIterator[Responses]:
    bot = Responses(server.url, "m", **{"timeout": 5.0, **more})
    await bot.start()
    try:
        yield bot
    finally:
        await bot.close()


class Attempt:
    """One attempt of a worker, in a task of its own."""

    def __init__(self, bot: Responses, turn: Turn) -> None:
        self.turn = turn
        self.pieces: list[Piece] = []
        self._task = asyncio.create_task(self._run(bot))

    async def _run(self, bot: Responses) -> None:
        async for piece in bot.reply(self.turn):
            self.pieces.append(piece)

    @property
    def text(self) -> str:
        return "".join(piece for piece in self.pieces if isinstance(piece, str))

    @property
    def thoughts(self) -> str:
        return "".join(piece.text for piece in self.pieces if isinstance(piece, Reasoning))

    async def says(self, text: str) -> None:
        async with asyncio.timeout(20):
            while self.text != text:
                assert not self._task.done() or self.text == text, self.pieces
                await asyncio.sleep(0.005)

    async def dies(self) -> Turn:
        """Stops without a trace; returns the turn of the next attempt."""
        await self.stops(goes_on=True)
        parts: Sequence[Part] = [piece for piece in self.pieces if not isinstance(piece, str)]
        return Turn(
            self.turn.text,
            partial=self.turn.partial + self.text,
            parts=[*self.turn.parts, *parts],
            journal=Journal(saved=self.turn.saved),
        )

    async def stops(self, *, goes_on: bool = False) -> None:
        self.turn.cancel(goes_on=goes_on)
        self._task.cancel()
        await asyncio.wait([self._task], timeout=20)

    async def ends(self) -> list[Piece]:
        async with asyncio.timeout(20):
            await self._task
        return self.pieces


async def test_the_request_and_its_answer() -> None:
    earlier = [Message("a", "Is it?", Role.USER, "", 1), Message("b", "It is.", Role.ASSISTANT, "", 1)]
    turn = Turn("So?", messages=[*earlier, Message("c", "So?", Role.USER, "", 2)])
    async with (
        ResponseServer([thought("Hm."), "So ", "it is."]).running() as server,
        asking(server, system_prompt="Be kind.") as bot,
    ):
        assert await Attempt(bot, turn).ends() == [Reasoning("Hm."), "So ", "it is.", USAGE]
    assert server.asked == [
        {
            "model": "m",
            "instructions": "Be kind.",
            "input": [
                {"role": "user", "content": "Is it?"},
                {"role": "assistant", "content": "It is."},
                {"role": "user", "content": "So?"},
            ],
            "stream": True,
            "background": True,
            "store": True,
            "reasoning": {"summary": "auto"},
        }
    ]
    assert server.cancelled == []


async def test_the_next_attempt_says_the_rest_of_the_same_response() -> None:
    async with ResponseServer(COUNT).running() as server, asking(server) as bot:
        first = Attempt(bot, Turn("count"))
        await first.says("one two ")
        turn = await first.dies()
        assert turn.saved["response"] == "resp_1"
        second = Attempt(bot, turn)
        server.go.set()
        assert await second.ends() == ["three ", "four", USAGE]
    assert (len(server.asked), server.attached, server.cancelled) == (
        1,
        [{"stream": "true", "starting_after": "0"}],
        [],
    )


async def test_it_dies_in_the_middle_of_everything() -> None:
    """Cut at any character, text and reasoning go on behind it."""
    async with ResponseServer(COUNT).running() as server, asking(server) as bot:
        server.go.set()
        whole = Attempt(bot, Turn("count"))
        await whole.ends()
        saved = {"response": "resp_1", "after": 0, "text": 0, "reasoning": 0}
        for cut in range(len(whole.thoughts)):
            turn = Turn("", parts=[Reasoning(whole.thoughts[:cut])], journal=Journal(saved=saved))
            again = Attempt(bot, turn)
            await again.ends()
            assert (again.thoughts, again.text) == (whole.thoughts[cut:], whole.text)
        for cut in range(len(whole.text)):
            turn = Turn("", partial=whole.text[:cut], parts=[Reasoning(whole.thoughts)], journal=Journal(saved=saved))
            again = Attempt(bot, turn)
            await again.ends()
            assert (again.thoughts, again.text) == ("", whole.text[cut:])
    assert len(server.asked) == 1


@pytest.mark.parametrize("cut", [1, 2, 3])
async def test_a_connection_that_breaks_is_made_again(cut: int) -> None:
    async with ResponseServer(COUNT).running() as server, asking(server, retries=1) as bot:
        server.cut = cut
        server.go.set()
        reply = Attempt(bot, Turn("count"))
        await reply.ends()
        assert (reply.thoughts, reply.text) == ("Hm, hm.", "one two three four")
    assert len(server.asked) == 1
    assert [int(one["starting_after"]) for one in server.attached] == list(range(cut - 1, 7, cut))


async def test_a_silent_connection_is_made_again() -> None:
    async with ResponseServer(COUNT).running() as server, asking(server, timeout=0.2) as bot:
        reply = Attempt(bot, Turn("count"))
        async with asyncio.timeout(20):
            while not server.attached:
                await asyncio.sleep(0.01)
        server.go.set()
        await reply.ends()
        assert reply.text == "one two three four"


async def test_a_response_that_is_too_old_to_be_streamed_is_fetched() -> None:
    async with ResponseServer(COUNT).running() as server, asking(server) as bot:
        first = Attempt(bot, Turn("count"))
        await first.says("one two ")
        turn = await first.dies()
        server.streamable = False
        second = Attempt(bot, turn)
        async with asyncio.timeout(20):
            while server.polled < 3:
                await asyncio.sleep(0.01)
        server.go.set()
        assert await second.ends() == ["three four", USAGE]
        assert second.thoughts == ""
    assert (len(server.asked), len(server.attached)) == (1, 1)


@pytest.mark.parametrize("said", ["", "one two "])
async def test_a_response_that_is_lost_is_asked_for_again(said: str) -> None:
    """Only what is missing is asked for; where nothing was said, that is everything."""
    async with ResponseServer(["three ", "four"]).running() as server, asking(server) as bot:
        saved = {"response": "resp_old", "after": 0, "text": 0, "reasoning": 0}
        reply = Attempt(bot, Turn("count", partial=said, journal=Journal(saved=saved)))
        assert await reply.ends() == ["three ", "four", USAGE]
        assert reply.turn.saved == {
            "response": "resp_1",
            "after": 0,
            "text": len(said),
            "reasoning": None if said else 0,
        }
        third = Attempt(bot, Turn("count", partial=f"{said}thr", journal=Journal(saved=reply.turn.saved)))
        assert await third.ends() == ["ee ", "four", USAGE]
    [asked] = server.asked
    quoted = [{"role": "assistant", "content": said}] if said else []
    assert asked["input"][:2] == [{"role": "user", "content": "count"}, *quoted]


async def test_who_presses_stop_stops_the_response() -> None:
    async with ResponseServer(COUNT).running() as server, asking(server) as bot:
        reply = Attempt(bot, Turn("count"))
        await reply.says("one two ")
        await reply.stops()
        assert server.cancelled == ["resp_1"]


async def test_a_response_that_fails() -> None:
    error = {"code": "server_error", "message": "oh"}
    failed = ("response.failed", {"response": {"id": "x", "status": "failed", "error": error}})
    async with ResponseServer([failed], ["one ", failed], ["two"]).running() as server, asking(server) as bot:
        reply = Attempt(bot, Turn("count"))  # the first fails before its first word, so it is asked for again
        with pytest.raises(ModelError) as caught:
            await reply.ends()
        assert (caught.value.code, reply.text) == ("model_unavailable", "one ")
    assert (len(server.asked), server.cancelled) == (2, [])


@pytest.mark.parametrize("background", [False, "refused"])
async def test_a_server_that_keeps_nothing(background: bool | str) -> None:
    async with ResponseServer(["one ", "two"]).running() as server, asking(server) as bot:
        server.background = background
        promised = bot.continues
        reply = Attempt(bot, Turn("count"))
        assert await reply.ends() == ["one ", "two", USAGE]
        assert reply.turn.saved is None
        assert (promised, bot.continues) == (True, False)  # from now on, what a crash breaks off begins anew
        server.cut = 2
        with pytest.raises(ModelError):
            await Attempt(bot, Turn("count")).ends()
    assert ("background" in server.asked[-1]) is (background is False)
    assert server.attached == []


async def test_an_attempt_that_had_come_to_the_end_is_only_committed() -> None:
    async with ResponseServer(["one"]).running() as server, asking(server) as bot:
        assert await Attempt(bot, Turn("count", partial="one", parts=[USAGE])).ends() == []
    assert server.asked == []


async def test_it_names_a_conversation() -> None:
    async with ResponseServer(["The ", "sea."]).running() as server, asking(server) as bot:
        assert await bot.title([Message("m", "Is it wide?", Role.USER, "", 1)]) == "The sea"
    assert not server.asked[0].keys() & {"stream", "background"}
