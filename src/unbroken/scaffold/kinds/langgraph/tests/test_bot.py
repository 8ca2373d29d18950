from unbroken.testing import Chat

from mybot.bot import bot


async def test_it_answers() -> None:
    async with Chat(bot) as chat:
        reply = await chat.send("Hello")
    assert reply.text == "I am a graph, and this is all that I can say."


async def test_another_worker_answers_if_one_dies() -> None:
    async with Chat(bot) as chat:
        chat.crash(after=3)
        reply = await chat.send("Hello")
    assert reply.attempts == 2
    assert reply.text == "I am a graph, and this is all that I can say."
