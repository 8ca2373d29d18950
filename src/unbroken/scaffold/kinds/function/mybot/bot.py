"""The bot: a function of one turn. What it yields is on the screen a moment later."""

from collections.abc import AsyncIterator

from unbroken import Turn

orders: list[str] = []  # stands for a shop


async def bot(turn: Turn) -> AsyncIterator[str]:
    if "pizza" not in turn.text.lower():
        yield f"You said: {turn.text}\n\n"
        yield "Ask me for a pizza."
        return

    yield "A pizza, gladly."
    # The reply ends with the question. With the answer the bot is run again, by whichever worker is free.
    size = await turn.ask("Which size?", ["Small", "Large"])

    # Done once, whatever crashes: a second attempt gets the result of the first.
    number = await turn.once("order", lambda: order(size))
    yield f"Order {number}: one pizza, {size.lower()}."


def order(size: str) -> int:
    orders.append(size)
    return len(orders)
