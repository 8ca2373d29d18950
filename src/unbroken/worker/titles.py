"""Names sessions after their first reply, behind the back of whoever waits for the next one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from unbroken.claim import Claim
from unbroken.errors import MessageRefused, SessionGone
from unbroken.store import Store
from unbroken.types import Message, Role, Status, in_view
from unbroken.worker.bots import Bots

logger = logging.getLogger("unbroken.worker")

LONGEST = 60.0
"""Seconds that a bot may take to find a name."""

AT_ONCE = 16
"""Names that are looked for at the same time."""

Title = Callable[[Sequence[Message]], Awaitable[str | None]]


class Titles:
    """Asks bots that can name a conversation to do so, if their settings want it.

    A name is looked for once in the life of a session: behind its first completed reply. It is not looked for again if
    that comes to nothing, or if this worker stops meanwhile.

    Args:
        wanted: whether bots name sessions that do not say it themselves.
        bots: what answers.
        store: of the sessions.
    """

    def __init__(self, wanted: bool, bots: Bots, store: Store) -> None:
        self._wanted = wanted
        self._bots = bots
        self._store = store
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def consider(self, claim: Claim) -> None:
        """Looks for a name if this was the session's first reply; returns at once."""
        place = self._bots.find(claim.bot)
        wanted = self._wanted if place.titles is None else place.titles
        title: Title | None = getattr(place.bot, "title", None)
        if not wanted or title is None or _replies(claim.context):
            return
        task = asyncio.create_task(self._name(claim, title), name=f"title of {claim.session}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Looks for no name any more."""
        tasks: list[asyncio.Task[Any]] = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _name(self, claim: Claim, title: Title) -> None:
        try:
            async with self._limit:
                session = await self._store.read(claim.session)
                shown = in_view(session.messages)
                replies = _replies(shown)
                if session.name != claim.name or [one.turn for one in replies] != [claim.turn.first]:
                    return
                async with asyncio.timeout(LONGEST):
                    name = await title(shown)
                if name and (await self._store.read(claim.session)).name == claim.name:
                    await self._store.rename(claim.session, name)
        except SessionGone:
            pass
        except MessageRefused as error:
            logger.warning("session %s is not named: %s", claim.session, error)
        except Exception as error:  # a bot may raise anything, and nobody waits for this
            logger.warning("session %s is not named: %s: %s", claim.session, type(error).__name__, error)


def _replies(messages: Sequence[Message]) -> list[Message]:
    """The completed replies among these messages."""
    return [one for one in messages if one.role is Role.ASSISTANT and one.status is Status.COMPLETED]
