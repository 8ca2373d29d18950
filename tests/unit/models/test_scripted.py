from __future__ import annotations

import asyncio

import pytest

from unbroken.errors import BotError
from unbroken.models.scripted import Scripted, steps
from unbroken.turn import Turn
from unbroken.types import Piece, Reasoning


async def said(bot: Scripted, text: str, partial: str = "") -> list[Piece]:
    return [piece async for piece in bot.reply(Turn(text, partial=partial))]


async def test_a_script_is_followed() -> None:
    bot = Scripted()
    assert await said(bot, "think hm; say Hello; count 3; sleep 0; say .") == [
        Reasoning("hm"),
        "Hello",
        "1 ",
        "2 ",
        "3 ",
        ".",
    ]
    assert [turn.text for turn in bot.turns] == ["think hm; say Hello; count 3; sleep 0; say ."]


async def test_what_is_no_script_is_repeated() -> None:
    assert await said(Scripted(), "tell me; say more") == ["tell me; say more"]


async def test_a_mapping_holds_the_scripts() -> None:
    assert await said(Scripted({"hi": "count 2"}), "hi") == ["1 ", "2 "]


@pytest.mark.parametrize("at", range(9))
async def test_it_continues(at: int) -> None:
    whole = "ab1 2 cd"
    assert "".join(map(str, await said(Scripted(continues=True), "say ab; count 2; say cd", whole[:at]))) == whole[at:]


async def test_it_fails_and_raises() -> None:
    with pytest.raises(BotError) as caught:
        await said(Scripted(), "fail so sorry")
    assert caught.value.public == "so sorry"
    with pytest.raises(RuntimeError, match="oops"):
        await said(Scripted(), "raise oops")


async def test_it_waits_for_its_gate() -> None:
    bot = Scripted()
    reply = asyncio.create_task(said(bot, "wait door; say in"))
    while not bot.waiting["door"]:
        await asyncio.sleep(0)
    assert not reply.done()
    bot.open("door")
    assert await reply == ["in"]
    assert await said(bot, "wait door; say again") == ["again"]


def test_steps() -> None:
    assert steps("count 3 ; pace 0.1") == [("count", "3"), ("pace", "0.1")]
