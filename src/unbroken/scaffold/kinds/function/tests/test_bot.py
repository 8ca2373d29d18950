from unbroken.testing import Chat, ask

from mybot.bot import bot, orders


async def test_it_answers() -> None:
    reply = await ask(bot, "Hello")
    assert reply.text == "You said: Hello\n\nAsk me for a pizza."


async def test_it_asks_for_the_size() -> None:
    async with Chat(bot) as chat:
        asked = await chat.send("A pizza, please")
        assert asked.question is not None
        assert asked.question.options == ["Small", "Large"]
        reply = await chat.answer("large")
    assert reply.text.endswith("one pizza, large.")


async def test_a_crash_orders_nothing_twice() -> None:
    orders.clear()
    async with Chat(bot) as chat:
        await chat.send("A pizza, please")
        chat.crash(step="order")  # the worker dies when the order is placed; another one goes on
        reply = await chat.answer("Small")
    assert reply.attempts == 2
    assert reply.text == "Order 1: one pizza, small."
    assert orders == ["Small"]
