"""The worker of the tutorial's design: one message after the other, and each reply as a whole."""

from __future__ import annotations

import uvloop

from benchmarks.apps import tutorial
from benchmarks.bot import answer

CONTEXT = 4


async def main() -> None:
    """Answers for ever."""
    redis = tutorial.connection()
    while True:
        entry, token, text = await tutorial.consume(redis, tutorial.MESSAGES)
        await tutorial.remember(redis, token, "Human", tutorial.message(text))
        context = " ".join(one["msg"] for one in (await tutorial.history(redis, token))[-CONTEXT:])
        assert context.endswith(text)
        reply = tutorial.message("".join([chunk async for chunk in answer(text)]))
        await tutorial.add(redis, tutorial.replies(token), token, tutorial.encode(reply))
        await tutorial.remember(redis, token, "Bot", reply)
        await redis.xdel(tutorial.MESSAGES, entry)


if __name__ == "__main__":
    uvloop.run(main())
