from pydantic_ai.models.test import TestModel
from unbroken import ToolResult
from unbroken.testing import Chat

from mybot.bot import bot


async def test_it_looks_before_it_answers() -> None:
    with bot.override(model=TestModel(custom_output_text="It is blue.")):
        async with Chat(bot) as chat:
            reply = await chat.send("How is the sky over Paris?")
    assert reply.text == "It is blue."
    assert any(isinstance(part, ToolResult) for part in reply.parts)


async def test_another_worker_answers_if_one_dies() -> None:
    async with Chat(bot) as chat:
        chat.crash(after=1)
        reply = await chat.send("How is the sky over Paris?")
    assert reply.attempts == 2
    assert reply.text == "I looked at the sky for you."
