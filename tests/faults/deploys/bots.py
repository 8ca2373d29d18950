"""The bot of the deploys: it goes on where an attempt that was handed back stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tests.e2e.bots import words
from unbroken import Turn


class Continuing:
    """Answers like `tests.e2e.bots.counting`, and never says a word twice."""

    continues = True

    async def reply(self, turn: Turn) -> AsyncIterator[str]:
        pause = float(turn.text.split()[2]) / 1000
        said = len(turn.partial.split())
        for word in words(turn.text)[said:]:
            yield word
            await asyncio.sleep(pause)
