"""The bots of a deployment, as a worker runs them: each by its name, with a limit of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import NamedTuple, Self

from unbroken.config import Settings
from unbroken.errors import BotError
from unbroken.models.base import Bot, load_bot
from unbroken.profiles import profiles
from unbroken.turn import Turn
from unbroken.types import Piece

_UNLIMITED = 1 << 20
"""More than any worker runs."""


class Place(NamedTuple):
    """A bot, how many replies it may run at once, and whether it names sessions; None: as the deployment has it."""

    bot: Bot
    limit: asyncio.Semaphore
    titles: bool | None = None


class Bots:
    """Every bot that this worker runs. Sessions without a bot's name are answered by the first.

    Args:
        bots: at least one, by name.
        limits: replies that a bot may run at once on this worker; without one only the worker's own limit holds.
        titles: which of them name sessions, where that differs from the deployment's setting.
    """

    def __init__(
        self, bots: Mapping[str, Bot], limits: Mapping[str, int] | None = None, titles: Mapping[str, bool] | None = None
    ) -> None:
        limits, titles = limits or {}, titles or {}
        self._places = {
            name: Place(bot, asyncio.Semaphore(limits.get(name, _UNLIMITED)), titles.get(name))
            for name, bot in bots.items()
        }
        self._first = next(iter(self._places.values()))
        self._stack = AsyncExitStack()

    @classmethod
    def of(cls, bot: Bot) -> Self:
        """One bot that answers everything."""
        return cls({"": bot})

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """The bots that the settings name.

        Raises:
            ConfigurationError: one of them does not exist or cannot be loaded; the message says what to change.
        """
        known = profiles(settings)
        bots = {name: load_bot(profile) for name, profile in known.items()}
        limits = {
            name: profile.concurrency for name, profile in known.items() if profile.concurrency < settings.concurrency
        }
        return cls(bots, limits, {name: profile.titles for name, profile in known.items()})

    @property
    def names(self) -> str:
        """For logs: what each one is called in this deployment, and what it is."""
        return ", ".join(f"{name} ({it.bot.name})" if name else it.bot.name for name, it in self._places.items())

    @property
    def continuing(self) -> str:
        """Names of the bots that continue partial texts, with a comma around each."""
        names = [name for name, place in self._places.items() if place.bot.continues]
        return ",".join(["", *([""] if self._first.bot.continues else []), *names, ""])

    def find(self, name: str) -> Place:
        """The bot of a session. Where there is none any more, its replies fail and say so."""
        if not name:
            return self._first
        return self._places.get(name) or Place(_Missing(name), asyncio.Semaphore(_UNLIMITED))

    async def start(self) -> None:
        """Starts every bot; if one fails, those before it are closed."""
        async with AsyncExitStack() as stack:
            for place in self._places.values():
                await place.bot.start()
                stack.push_async_callback(place.bot.close)
            self._stack = stack.pop_all()

    async def close(self) -> None:
        """Closes every bot."""
        await self._stack.aclose()


class _Missing:
    """Stands in for a bot that this deployment does not have."""

    continues = False

    def __init__(self, name: str) -> None:
        self.name = name

    async def reply(self, turn: Turn) -> AsyncIterator[Piece]:
        """Fails."""
        yield ""  # says nothing, and makes this the generator that every bot is
        raise BotError(
            f"session {turn.session} belongs to the bot {self.name!r}, which this worker does not have",
            public="The bot of this chat is not available any more.",
            code="bot_missing",
        )

    async def start(self) -> None:
        """Needs nothing."""

    async def close(self) -> None:
        """Holds nothing."""
